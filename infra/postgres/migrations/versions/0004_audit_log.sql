-- Who changed what in the sales tables: written by triggers in the changing transaction, never changed afterwards.
-- Setting up the database hands this table, its function and the schema to darkroom_auditor, a role without members, so
-- that not even the administration role can alter them (infra/postgres/bootstrap.py).
create table "ASSESSMENT"."TB_AUDIT_LOG" (
    "AUDIT_ID_NO" bigint generated always as identity primary key,
    "AUDIT_DTTM" timestamptz not null default statement_timestamp(),
    "DATABASE_USER_TXT" text not null,
    "ACTING_PERSON_TXT" text not null,
    "TABLE_TXT" text not null,
    "ACTION_CD" text not null check ("ACTION_CD" in ('INSERT', 'UPDATE', 'DELETE')),
    "KEY_TXT" jsonb not null,
    "BEFORE_TXT" jsonb,
    "AFTER_TXT" jsonb,
    constraint "CK_AUDIT_IMAGES" check (
        ("BEFORE_TXT" is null) = ("ACTION_CD" = 'INSERT') and ("AFTER_TXT" is null) = ("ACTION_CD" = 'DELETE')
    )
);

create index "IX_AUDIT_KEY" on "ASSESSMENT"."TB_AUDIT_LOG" ("TABLE_TXT", "KEY_TXT");
create index "IX_AUDIT_TIME" on "ASSESSMENT"."TB_AUDIT_LOG" ("AUDIT_DTTM");

-- Arguments of the trigger: the table's key columns. The person is the role taken with SET ROLE, which only a member of
-- it can take, or else the one that logged in; neither can be pretended.
create function "ASSESSMENT".write_audit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    personal constant text[] := array['EMAIL_ADDR', 'MOBILE_NO', 'BIRTH_DT'];
    before constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - personal end;
    after constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - personal end;
begin
    if tg_op = 'UPDATE' and old is not distinct from new then
        return null;
    end if;
    insert into "ASSESSMENT"."TB_AUDIT_LOG" (
        "DATABASE_USER_TXT", "ACTING_PERSON_TXT", "TABLE_TXT", "ACTION_CD", "KEY_TXT", "BEFORE_TXT", "AFTER_TXT"
    )
    select
        session_user,
        coalesce(nullif(current_setting('role'), 'none'), session_user),
        tg_table_name,
        tg_op,
        jsonb_object_agg(key_column, coalesce(after, before) -> key_column),
        before,
        after
    from unnest(tg_argv) as key_column;
    return null;
end
$$;

create function "ASSESSMENT".refuse() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% of % is refused: %', tg_op, tg_table_name, tg_argv[0] using errcode = 'insufficient_privilege';
end
$$;

create trigger refuse_change before update or delete or truncate on "ASSESSMENT"."TB_AUDIT_LOG"
for each statement execute function "ASSESSMENT".refuse('the audit log is only ever added to.');

create trigger write_audit after insert or update or delete on "ASSESSMENT"."TB_ITEM"
for each row execute function "ASSESSMENT".write_audit('ITEM_ID_NO');

create trigger write_audit after insert or update or delete on "ASSESSMENT"."TB_MEMBERSHIP"
for each row execute function "ASSESSMENT".write_audit('MEMBERSHIP_ID_TXT');

create trigger write_audit after insert or update or delete on "ASSESSMENT"."TB_TRANSACTION"
for each row execute function "ASSESSMENT".write_audit('TRANSACTION_ID_NO');

create trigger write_audit after insert or update or delete on "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
for each row execute function "ASSESSMENT".write_audit('TRANSACTION_ID_NO', 'ITEM_ID_NO');

-- A truncation would pass by the row triggers.
create trigger refuse_truncate before truncate on "ASSESSMENT"."TB_ITEM"
for each statement execute function "ASSESSMENT".refuse('delete the rows, so that the audit log can name them.');

create trigger refuse_truncate before truncate on "ASSESSMENT"."TB_MEMBERSHIP"
for each statement execute function "ASSESSMENT".refuse('delete the rows, so that the audit log can name them.');

create trigger refuse_truncate before truncate on "ASSESSMENT"."TB_TRANSACTION"
for each statement execute function "ASSESSMENT".refuse('delete the rows, so that the audit log can name them.');

create trigger refuse_truncate before truncate on "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
for each statement execute function "ASSESSMENT".refuse('delete the rows, so that the audit log can name them.');

-- The stamps name the acting person too, not the program that acts for them.
create or replace function "ASSESSMENT".stamp_update() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    new."CREATED_DTTM" := old."CREATED_DTTM";
    new."CREATED_BY_ID_NO" := old."CREATED_BY_ID_NO";
    new."UPDATED_DTTM" := statement_timestamp();
    new."UPDATED_BY_ID_NO" :=
        quote_ident(coalesce(nullif(current_setting('role'), 'none'), session_user))::regrole::oid::bigint;
    return new;
end
$$;

do $$
declare
    sales_table text;
    person constant text :=
        'quote_ident(coalesce(nullif(current_setting(''role''), ''none''), session_user))::regrole::oid::bigint';
begin
    foreach sales_table in array array[
        'TB_ITEM', 'TB_MEMBERSHIP', 'TB_TRANSACTION', 'TB_TRANSACTION_ITEM_MAPPING'
    ] loop
        execute format(
            'alter table "ASSESSMENT".%I alter column "CREATED_BY_ID_NO" set default %s, '
            'alter column "UPDATED_BY_ID_NO" set default %s', sales_table, person, person
        );
    end loop;
end
$$;

comment on function "ASSESSMENT".write_audit() is 'Writes the audit row of each inserted, changed or deleted row.';
comment on function "ASSESSMENT".refuse() is 'Refuses what the trigger is for, with the reason that it is given.';
comment on table "ASSESSMENT"."TB_AUDIT_LOG" is
'One row per inserted, changed or deleted row of the sales tables. Only ever added to.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."AUDIT_ID_NO" is 'Key, given by the database.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."AUDIT_DTTM" is 'When the changing statement began.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."DATABASE_USER_TXT" is 'The role that logged in.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."ACTING_PERSON_TXT" is
'The role that acted: a program acts as the person by SET ROLE; otherwise the role that logged in.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."TABLE_TXT" is 'The changed table.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."ACTION_CD" is 'INSERT, UPDATE or DELETE.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."KEY_TXT" is 'The key of the changed row, as JSON.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."BEFORE_TXT" is
'The row before, as JSON without e-mail address, mobile number and date of birth; null for an insert.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."AFTER_TXT" is
'The row after, as JSON without e-mail address, mobile number and date of birth; null for a delete.';
