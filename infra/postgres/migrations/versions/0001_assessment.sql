-- The company's sales tables, as the three teams share them. Names follow the company's standard: upper case and
-- quoted, the last word saying what a column holds (_NO number, _TXT text, _IND two values, _CD code, _DTTM time).
create table "ASSESSMENT"."TB_ITEM" (
    "ITEM_ID_NO" bigint generated always as identity primary key,
    "ITEM_NAME" text not null check (btrim("ITEM_NAME") <> ''),
    "MANUFACTURER_NAME" text not null check (btrim("MANUFACTURER_NAME") <> ''),
    "COST_NO" numeric(10, 2) not null check ("COST_NO" >= 0),
    "WEIGHT_KG" numeric(10, 2) not null check ("WEIGHT_KG" >= 0),
    "DELETED_DTTM" timestamptz,
    "CREATED_DTTM" timestamptz not null default statement_timestamp(),
    "UPDATED_DTTM" timestamptz not null default statement_timestamp(),
    "CREATED_BY_ID_NO" bigint not null default quote_ident(session_user)::regrole::oid::bigint,
    "UPDATED_BY_ID_NO" bigint not null default quote_ident(session_user)::regrole::oid::bigint
);

create table "ASSESSMENT"."TB_MEMBERSHIP" (
    "MEMBERSHIP_ID_TXT" text primary key check ("MEMBERSHIP_ID_TXT" ~ '^[^\s_]+_[0-9a-z]{5}$'),
    "FIRST_NAME" text not null check (btrim("FIRST_NAME") <> ''),
    "LAST_NAME" text not null check (btrim("LAST_NAME") <> ''),
    "EMAIL_ADDR" text not null unique check ("EMAIL_ADDR" ~ '^[^@\s]+@[^@\s]+$'),
    "MOBILE_NO" text not null check ("MOBILE_NO" ~ '^[+]?[0-9]{8,15}$'),
    "BIRTH_DT" date not null check ("BIRTH_DT" >= date '1900-01-01'),
    "ABOVE_18_IND" boolean not null,
    "STATUS_CD" text not null default 'ACTIVE' check ("STATUS_CD" in ('ACTIVE', 'SUSPENDED', 'CLOSED')),
    "CREATED_DTTM" timestamptz not null default statement_timestamp(),
    "UPDATED_DTTM" timestamptz not null default statement_timestamp(),
    "CREATED_BY_ID_NO" bigint not null default quote_ident(session_user)::regrole::oid::bigint,
    "UPDATED_BY_ID_NO" bigint not null default quote_ident(session_user)::regrole::oid::bigint
);

create table "ASSESSMENT"."TB_TRANSACTION" (
    "TRANSACTION_ID_NO" bigint generated always as identity primary key,
    "MEMBERSHIP_ID_TXT" text not null references "ASSESSMENT"."TB_MEMBERSHIP" on delete restrict,
    "TOTAL_PRICE_NO" numeric(12, 2) not null check ("TOTAL_PRICE_NO" >= 0),
    "TOTAL_WEIGHT_KG" numeric(12, 2) not null check ("TOTAL_WEIGHT_KG" >= 0),
    "TRANSACTION_DTTM" timestamptz not null default statement_timestamp(),
    "STATUS_CD" text not null default 'PENDING' check ("STATUS_CD" in ('PENDING', 'COMPLETED', 'CANCELLED')),
    "CREATED_DTTM" timestamptz not null default statement_timestamp(),
    "UPDATED_DTTM" timestamptz not null default statement_timestamp(),
    "CREATED_BY_ID_NO" bigint not null default quote_ident(session_user)::regrole::oid::bigint,
    "UPDATED_BY_ID_NO" bigint not null default quote_ident(session_user)::regrole::oid::bigint
);

create table "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" (
    "TRANSACTION_ID_NO" bigint not null references "ASSESSMENT"."TB_TRANSACTION" on delete cascade,
    "ITEM_ID_NO" bigint not null references "ASSESSMENT"."TB_ITEM" on delete restrict,
    "QUANTITY_NO" integer not null check ("QUANTITY_NO" > 0),
    "CREATED_DTTM" timestamptz not null default statement_timestamp(),
    "UPDATED_DTTM" timestamptz not null default statement_timestamp(),
    "CREATED_BY_ID_NO" bigint not null default quote_ident(session_user)::regrole::oid::bigint,
    "UPDATED_BY_ID_NO" bigint not null default quote_ident(session_user)::regrole::oid::bigint,
    primary key ("TRANSACTION_ID_NO", "ITEM_ID_NO")
);

create index "IX_ITEM_NAME" on "ASSESSMENT"."TB_ITEM" ("ITEM_NAME");
create index "IX_ITEM_UPDATED" on "ASSESSMENT"."TB_ITEM" ("UPDATED_DTTM");
create index "IX_MEMBERSHIP_NAME" on "ASSESSMENT"."TB_MEMBERSHIP" ("LAST_NAME", "FIRST_NAME");
create index "IX_MEMBERSHIP_UPDATED" on "ASSESSMENT"."TB_MEMBERSHIP" ("UPDATED_DTTM");
create index "IX_TRANSACTION_MEMBER" on "ASSESSMENT"."TB_TRANSACTION" ("MEMBERSHIP_ID_TXT", "TRANSACTION_DTTM");
create index "IX_TRANSACTION_TIME" on "ASSESSMENT"."TB_TRANSACTION" ("TRANSACTION_DTTM");
create index "IX_TRANSACTION_OPEN" on "ASSESSMENT"."TB_TRANSACTION" ("TRANSACTION_DTTM") where "STATUS_CD" = 'PENDING';
create index "IX_TRANSACTION_UPDATED" on "ASSESSMENT"."TB_TRANSACTION" ("UPDATED_DTTM");
create index "IX_MAPPING_ITEM" on "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" ("ITEM_ID_NO");
create index "IX_MAPPING_UPDATED" on "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" ("UPDATED_DTTM");

create function "ASSESSMENT".stamp_update() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    new."CREATED_DTTM" := old."CREATED_DTTM";
    new."CREATED_BY_ID_NO" := old."CREATED_BY_ID_NO";
    new."UPDATED_DTTM" := statement_timestamp();
    new."UPDATED_BY_ID_NO" := quote_ident(session_user)::regrole::oid::bigint;
    return new;
end
$$;

revoke all on function "ASSESSMENT".stamp_update() from public;

-- An update that changes nothing leaves the stamps, and so every watermark, alone.
create trigger stamp_update before update on "ASSESSMENT"."TB_ITEM"
for each row when (old.* is distinct from new.*) execute function "ASSESSMENT".stamp_update();

create trigger stamp_update before update on "ASSESSMENT"."TB_MEMBERSHIP"
for each row when (old.* is distinct from new.*) execute function "ASSESSMENT".stamp_update();

create trigger stamp_update before update on "ASSESSMENT"."TB_TRANSACTION"
for each row when (old.* is distinct from new.*) execute function "ASSESSMENT".stamp_update();

create trigger stamp_update before update on "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
for each row when (old.* is distinct from new.*) execute function "ASSESSMENT".stamp_update();

comment on schema "ASSESSMENT" is 'The company''s sales: members, items, and who bought what.';
comment on function "ASSESSMENT".stamp_update() is 'Keeps the CREATED columns as they were and sets the UPDATED columns on every real change.';

comment on table "ASSESSMENT"."TB_ITEM" is 'One row per item that is or was sold. Retired items stay, for the sales that name them.';
comment on column "ASSESSMENT"."TB_ITEM"."ITEM_ID_NO" is 'Key, given by the database.';
comment on column "ASSESSMENT"."TB_ITEM"."ITEM_NAME" is 'Name of the item as members see it.';
comment on column "ASSESSMENT"."TB_ITEM"."MANUFACTURER_NAME" is 'Company that makes the item.';
comment on column "ASSESSMENT"."TB_ITEM"."COST_NO" is 'Price of one piece today, in the shop''s currency.';
comment on column "ASSESSMENT"."TB_ITEM"."WEIGHT_KG" is 'Weight of one piece, in kilograms.';
comment on column "ASSESSMENT"."TB_ITEM"."DELETED_DTTM" is 'When the item was retired (soft delete); null while it is on sale.';
comment on column "ASSESSMENT"."TB_ITEM"."CREATED_DTTM" is 'When the row was made.';
comment on column "ASSESSMENT"."TB_ITEM"."UPDATED_DTTM" is 'When the row last changed; kept by the database.';
comment on column "ASSESSMENT"."TB_ITEM"."CREATED_BY_ID_NO" is 'OID of the login role that made the row (::regrole names it).';
comment on column "ASSESSMENT"."TB_ITEM"."UPDATED_BY_ID_NO" is 'OID of the login role that last changed the row (::regrole names it).';

comment on table "ASSESSMENT"."TB_MEMBERSHIP" is 'One row per member.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."MEMBERSHIP_ID_TXT" is 'Key: the last name, an underscore and five letters or digits, e.g. tan_a1b2c.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."FIRST_NAME" is 'First name.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."LAST_NAME" is 'Last name.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."EMAIL_ADDR" is 'E-mail address; personal, granted to no team.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."MOBILE_NO" is 'Mobile number, digits with an optional leading plus; personal, granted to no team.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."BIRTH_DT" is 'Date of birth; personal, granted to no team.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."ABOVE_18_IND" is 'Whether the member was above 18 when the membership began.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."STATUS_CD" is 'ACTIVE, SUSPENDED or CLOSED.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."CREATED_DTTM" is 'When the row was made.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."UPDATED_DTTM" is 'When the row last changed; kept by the database.';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."CREATED_BY_ID_NO" is 'OID of the login role that made the row (::regrole names it).';
comment on column "ASSESSMENT"."TB_MEMBERSHIP"."UPDATED_BY_ID_NO" is 'OID of the login role that last changed the row (::regrole names it).';

comment on table "ASSESSMENT"."TB_TRANSACTION" is 'One row per purchase of a member.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."TRANSACTION_ID_NO" is 'Key, given by the database.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."MEMBERSHIP_ID_TXT" is 'The member who bought.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."TOTAL_PRICE_NO" is 'Price of the whole purchase at the time, in the shop''s currency.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."TOTAL_WEIGHT_KG" is 'Weight of the whole purchase, in kilograms.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."TRANSACTION_DTTM" is 'When the member bought.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."STATUS_CD" is 'PENDING (paid, not yet delivered), COMPLETED (delivered) or CANCELLED.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."CREATED_DTTM" is 'When the row was made.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."UPDATED_DTTM" is 'When the row last changed; kept by the database.';
comment on column "ASSESSMENT"."TB_TRANSACTION"."CREATED_BY_ID_NO" is 'OID of the login role that made the row (::regrole names it).';
comment on column "ASSESSMENT"."TB_TRANSACTION"."UPDATED_BY_ID_NO" is 'OID of the login role that last changed the row (::regrole names it).';

comment on table "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" is 'One row per purchase and item in it.';
comment on column "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"."TRANSACTION_ID_NO" is 'The purchase; its lines go with it when it is deleted.';
comment on column "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"."ITEM_ID_NO" is 'The item; deleting an item that was ever sold is refused.';
comment on column "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"."QUANTITY_NO" is 'Pieces of the item in this purchase, at least one.';
comment on column "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"."CREATED_DTTM" is 'When the row was made.';
comment on column "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"."UPDATED_DTTM" is 'When the row last changed; kept by the database.';
comment on column "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"."CREATED_BY_ID_NO" is 'OID of the login role that made the row (::regrole names it).';
comment on column "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"."UPDATED_BY_ID_NO" is 'OID of the login role that last changed the row (::regrole names it).';

grant usage on schema "ASSESSMENT" to darkroom_builder, darkroom_loader;

grant select on "ASSESSMENT"."TB_ITEM", "ASSESSMENT"."TB_TRANSACTION",
"ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" to darkroom_builder;

-- All but e-mail address, mobile number and date of birth.
grant select (
    "MEMBERSHIP_ID_TXT", "FIRST_NAME", "LAST_NAME", "ABOVE_18_IND", "STATUS_CD",
    "CREATED_DTTM", "UPDATED_DTTM", "CREATED_BY_ID_NO", "UPDATED_BY_ID_NO"
) on "ASSESSMENT"."TB_MEMBERSHIP" to darkroom_builder;

-- When something last changed, and nothing else.
grant select ("UPDATED_DTTM") on "ASSESSMENT"."TB_ITEM" to darkroom_loader;
grant select ("UPDATED_DTTM") on "ASSESSMENT"."TB_MEMBERSHIP" to darkroom_loader;
grant select ("UPDATED_DTTM") on "ASSESSMENT"."TB_TRANSACTION" to darkroom_loader;
grant select ("UPDATED_DTTM") on "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" to darkroom_loader;
