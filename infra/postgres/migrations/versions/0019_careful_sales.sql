-- Values. NaN is greater than every number, infinity included, and passes `>= 0`; it makes every sum NaN for ever. Times
-- are of the years 1900 to 2999, which every client can show. A line has a million pieces at most, more than one purchase
-- needs: with it, and with fewer than 1.2 × 10^12 rows, as many as a table of PostgreSQL can hold, a sum of pieces is below
-- 1.2 × 10^18 and a sum of money below 1.2 × 10^26, so that `bigint` and `numeric(30, 2)` hold every sum.
do $$
declare
    amount constant text := '%1$I >= 0 and %1$I < ''Infinity''';
    moment constant text := '%1$I >= ''1900-01-01 00:00:00+00'' and %1$I < ''3000-01-01 00:00:00+00''';
    day constant text := '%1$I >= ''1900-01-01'' and %1$I < ''3000-01-01''';
    pieces constant text := '%1$I between 1 and 1000000';
    rule record;
    broken_count bigint;
    broken_keys text;
    refusals text[] := '{}';
begin
    for rule in
        select
            rules.table_name,
            rules.column_name,
            format(rules.condition, rules.column_name) as condition,
            (
                select string_agg(format('%I', attname), ' || ''/'' || ' order by array_position(indkey::smallint[], attnum))
                from pg_index inner join pg_attribute on attrelid = indrelid and attnum = any(indkey)
                where indrelid = format('"ASSESSMENT".%I', rules.table_name)::regclass and indisprimary
            ) as key
        from (
            values
            ('TB_ITEM', 'COST_NO', amount),
            ('TB_ITEM', 'WEIGHT_KG', amount),
            ('TB_ITEM', 'DELETED_DTTM', moment),
            ('TB_ITEM', 'CREATED_DTTM', moment),
            ('TB_ITEM', 'UPDATED_DTTM', moment),
            ('TB_MEMBERSHIP', 'BIRTH_DT', day),
            ('TB_MEMBERSHIP', 'CREATED_DTTM', moment),
            ('TB_MEMBERSHIP', 'UPDATED_DTTM', moment),
            ('TB_TRANSACTION', 'TOTAL_PRICE_NO', amount),
            ('TB_TRANSACTION', 'TOTAL_WEIGHT_KG', amount),
            ('TB_TRANSACTION', 'TRANSACTION_DTTM', moment),
            ('TB_TRANSACTION', 'CREATED_DTTM', moment),
            ('TB_TRANSACTION', 'UPDATED_DTTM', moment),
            ('TB_TRANSACTION_ITEM_MAPPING', 'QUANTITY_NO', pieces),
            ('TB_TRANSACTION_ITEM_MAPPING', 'CREATED_DTTM', moment),
            ('TB_TRANSACTION_ITEM_MAPPING', 'UPDATED_DTTM', moment),
            ('TB_AUDIT_LOG', 'AUDIT_DTTM', moment)
        ) as rules (table_name, column_name, condition)
    loop
        execute format(
            'alter table "ASSESSMENT".%I drop constraint if exists %I', rule.table_name,
            format('%s_%s_check', rule.table_name, rule.column_name)
        );
        begin
            execute format(
                'alter table "ASSESSMENT".%I add constraint %I check (%s)', rule.table_name,
                format('CK_%s_%s', substr(rule.table_name, 4), rule.column_name), rule.condition
            );
        exception when check_violation then
            execute format(
                'select count(*), (array_agg(%1$s order by %2$s))[:20]::text from "ASSESSMENT".%3$I where not (%4$s)',
                rule.key, replace(rule.key, ' || ''/'' || ', ', '), rule.table_name, rule.condition
            ) into broken_count, broken_keys;
            refusals := refusals || format(
                '%I.%I of the rows with the keys %s%s', rule.table_name, rule.column_name, btrim(broken_keys, '{}'),
                case when broken_count > 20 then format(' and %s more', broken_count - 20) else '' end
            );
        end;
    end loop;
    if cardinality(refusals) > 0 then
        raise exception 'The upgrade changed nothing, because rows hold values that are refused from now on (NaN, infinity,'
            ' a year before 1900 or after 2999, more than 1,000,000 pieces): %. Correct them and upgrade again.',
            array_to_string(refusals, '; ') using errcode = 'U0002';
    end if;
end
$$;

-- People. The OID of a role means nothing in another cluster, and nothing once the role is dropped; a number of this table
-- is dumped and restored with its name. OIDs that stamps hold already become such numbers, so that no row is rewritten;
-- new ones begin where OIDs end.
create table "ASSESSMENT"."TB_PERSON" (
    "PERSON_ID_NO" bigint generated always as identity (start with 4294967296) primary key,
    "ROLE_NAME_TXT" text not null unique,
    "CREATED_DTTM" timestamptz not null default statement_timestamp() constraint "CK_PERSON_CREATED_DTTM" check (
        "CREATED_DTTM" >= '1900-01-01 00:00:00+00' and "CREATED_DTTM" < '3000-01-01 00:00:00+00'
    )
);

comment on table "ASSESSMENT"."TB_PERSON" is
'One row per role, of a person or program, that ever wrote into the sales tables; it stays when the role is dropped.';
comment on column "ASSESSMENT"."TB_PERSON"."PERSON_ID_NO" is 'Key, given once per name of a role.';
comment on column "ASSESSMENT"."TB_PERSON"."ROLE_NAME_TXT" is
'The role that logged in, or that a program acted as; "unknown role" and its former OID where neither the audit log nor
the server knew the role when this table was created.';
comment on column "ASSESSMENT"."TB_PERSON"."CREATED_DTTM" is 'When the row was made.';

create function "ASSESSMENT".acting_person() returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    role_name constant text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    person_id bigint;
begin
    select "PERSON_ID_NO" into person_id from "ASSESSMENT"."TB_PERSON" where "ROLE_NAME_TXT" = role_name;
    if person_id is null then
        insert into "ASSESSMENT"."TB_PERSON" ("ROLE_NAME_TXT") values (role_name) on conflict do nothing;
        select "PERSON_ID_NO" into strict person_id from "ASSESSMENT"."TB_PERSON" where "ROLE_NAME_TXT" = role_name;
    end if;
    return person_id;
end
$$;

comment on function "ASSESSMENT".acting_person() is
'Returns the number of the acting role in "TB_PERSON", which it adds when the role writes for the first time.';

create or replace function "ASSESSMENT".stamp_update() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    new."CREATED_DTTM" := old."CREATED_DTTM";
    new."CREATED_BY_ID_NO" := old."CREATED_BY_ID_NO";
    new."UPDATED_DTTM" := statement_timestamp();
    new."UPDATED_BY_ID_NO" := "ASSESSMENT".acting_person();
    return new;
end
$$;

-- The audit log knows the names of dropped roles, and those of a cluster from which the tables were restored. A role that
-- was dropped and created again had several OIDs; the last one is kept.
create temporary table named on commit drop as
with

stamped (number) as (
    select distinct stamps.number
    from (
        select
            "CREATED_BY_ID_NO",
            "UPDATED_BY_ID_NO"
        from "ASSESSMENT"."TB_ITEM"
        union all
        select
            "CREATED_BY_ID_NO",
            "UPDATED_BY_ID_NO"
        from "ASSESSMENT"."TB_MEMBERSHIP"
        union all
        select
            "CREATED_BY_ID_NO",
            "UPDATED_BY_ID_NO"
        from "ASSESSMENT"."TB_TRANSACTION"
        union all
        select
            "CREATED_BY_ID_NO",
            "UPDATED_BY_ID_NO"
        from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
    ) as every_row
    cross join lateral (values (every_row."CREATED_BY_ID_NO"), (every_row."UPDATED_BY_ID_NO")) as stamps (number)
),

logged as (
    select distinct on (number)
        ("AFTER_TXT" ->> 'UPDATED_BY_ID_NO')::bigint as number,
        "ACTING_PERSON_TXT" as role_name
    from "ASSESSMENT"."TB_AUDIT_LOG"
    order by number asc, "AUDIT_ID_NO" desc
)

select
    number,
    role_name,
    max(number) over (partition by role_name) as person_id
from (
    select
        stamped.number,
        coalesce(logged.role_name, pg_roles.rolname, 'unknown role ' || stamped.number) as role_name
    from stamped
    left join logged on stamped.number = logged.number
    left join pg_roles on stamped.number = pg_roles.oid::bigint
) as found;

insert into "ASSESSMENT"."TB_PERSON" ("PERSON_ID_NO", "ROLE_NAME_TXT")
overriding system value
select
    number,
    role_name
from named
where number = person_id;

do $$
declare
    sales_table text;
begin
    foreach sales_table in array array[
        'TB_ITEM', 'TB_MEMBERSHIP', 'TB_TRANSACTION', 'TB_TRANSACTION_ITEM_MAPPING'
    ] loop
        if exists (select from named where number <> person_id) then
            execute format(
                'alter table "ASSESSMENT".%1$I disable trigger stamp_update, disable trigger write_audit, '
                'disable trigger queue_update; '
                'update "ASSESSMENT".%1$I as stamped '
                'set "CREATED_BY_ID_NO" = creator.person_id, "UPDATED_BY_ID_NO" = updater.person_id '
                'from named as creator, named as updater '
                'where stamped."CREATED_BY_ID_NO" = creator.number and stamped."UPDATED_BY_ID_NO" = updater.number '
                'and (creator.number <> creator.person_id or updater.number <> updater.person_id); '
                'alter table "ASSESSMENT".%1$I enable trigger stamp_update, enable trigger write_audit, '
                'enable trigger queue_update', sales_table
            );
        end if;
        execute format(
            'alter table "ASSESSMENT".%1$I '
            'alter column "CREATED_BY_ID_NO" set default "ASSESSMENT".acting_person(), '
            'alter column "UPDATED_BY_ID_NO" set default "ASSESSMENT".acting_person(), '
            'add constraint %2$I foreign key ("CREATED_BY_ID_NO") references "ASSESSMENT"."TB_PERSON", '
            'add constraint %3$I foreign key ("UPDATED_BY_ID_NO") references "ASSESSMENT"."TB_PERSON"',
            sales_table, format('FK_%s_CREATED_BY', substr(sales_table, 4)),
            format('FK_%s_UPDATED_BY', substr(sales_table, 4))
        );
        execute format(
            'comment on column "ASSESSMENT".%I."CREATED_BY_ID_NO" is %L', sales_table,
            'Who made the row: the number of the person or program in "TB_PERSON".'
        );
        execute format(
            'comment on column "ASSESSMENT".%I."UPDATED_BY_ID_NO" is %L', sales_table,
            'Who last changed the row: the number of the person or program in "TB_PERSON".'
        );
    end loop;
end
$$;

-- Prices of lines. A single line costs the whole total; several lines cost what the audit log says that their items cost
-- when they were recorded, if that adds up to the total.
alter table "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
add column "UNIT_PRICE_NO" numeric(10, 2) constraint "CK_TRANSACTION_ITEM_MAPPING_UNIT_PRICE_NO" check (
    "UNIT_PRICE_NO" >= 0 and "UNIT_PRICE_NO" < 'Infinity'
);

comment on column "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"."UNIT_PRICE_NO" is
'Price of one piece when it was sold, in the shop''s currency. Null means unknown: the line was recorded before prices were
kept and its price cannot be derived from the total, or it was loaded without one.';

-- What was derived is no change by a person: stamps and audit log stay. Its transactions are queued for the sums.
alter table "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" disable trigger stamp_update, disable trigger write_audit;

with

changes as (
    select
        ("KEY_TXT" ->> 'ITEM_ID_NO')::bigint as item_id,
        "AUDIT_ID_NO" as place,
        "AUDIT_DTTM" as changed_at,
        ("BEFORE_TXT" ->> 'COST_NO')::numeric as cost_before,
        ("AFTER_TXT" ->> 'COST_NO')::numeric as cost_after
    from "ASSESSMENT"."TB_AUDIT_LOG"
    where "TABLE_TXT" = 'TB_ITEM' and "BEFORE_TXT" ->> 'COST_NO' is distinct from "AFTER_TXT" ->> 'COST_NO'
),

prices as (
    select
        item_id,
        cost_after as price,
        changed_at as valid_from,
        lead(changed_at, 1, 'infinity') over (partition by item_id order by place) as valid_until
    from changes
    union all
    (
        select distinct on (item_id)
            item_id,
            cost_before,
            '-infinity'::timestamptz,
            changed_at
        from changes
        order by item_id, place
    )
    union all
    select
        "ITEM_ID_NO",
        "COST_NO",
        '-infinity'::timestamptz,
        'infinity'::timestamptz
    from "ASSESSMENT"."TB_ITEM"
    where "ITEM_ID_NO" not in (select changes.item_id from changes)
),

lines as (
    select
        line."TRANSACTION_ID_NO" as transaction_id,
        line."ITEM_ID_NO" as item_id,
        line."QUANTITY_NO" as quantity,
        bought."TOTAL_PRICE_NO" as total_price,
        prices.price as logged_price,
        count(*) over of_transaction as line_count,
        bool_and(prices.price is not null) over of_transaction
        and sum(line."QUANTITY_NO" * prices.price) over of_transaction = bought."TOTAL_PRICE_NO" as adds_up
    from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" as line
    inner join "ASSESSMENT"."TB_TRANSACTION" as bought on line."TRANSACTION_ID_NO" = bought."TRANSACTION_ID_NO"
    left join prices
        on
            line."ITEM_ID_NO" = prices.item_id
            and line."CREATED_DTTM" >= prices.valid_from
            and line."CREATED_DTTM" < prices.valid_until
    window of_transaction as (partition by line."TRANSACTION_ID_NO")
),

derived as (
    select
        transaction_id,
        item_id,
        case when line_count = 1 then round(total_price / quantity, 2) else logged_price end as price
    from lines
    where
        (line_count = 1 and round(total_price / quantity, 2) * quantity = total_price)
        or (line_count > 1 and adds_up)
)

update "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" as line
set "UNIT_PRICE_NO" = derived.price
from derived
where
    line."TRANSACTION_ID_NO" = derived.transaction_id
    and line."ITEM_ID_NO" = derived.item_id
    and derived.price < 100000000;

alter table "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" enable trigger stamp_update, enable trigger write_audit;

-- Procedures. Each wrong call is answered with one sentence that says what to do, with table and column for the form that
-- shows it, and with an SQLSTATE: 23502 a value is missing, 23514 not allowed, 22003 or 22001 too large or too long; P0002
-- no such row; 55000 its state does not allow it; 23001 it is in use; U0001 it was changed after the caller had read it.
create function "ASSESSMENT".check_amount(label text, amount numeric, table_name text, column_name text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if amount is null or amount not between 0 and 99999999.99 or amount <> round(amount, 2) then
        raise exception '% must be from 0 to 99,999,999.99 with at most two decimals; given was %.',
            label, coalesce(left(amount::text, 30), 'nothing')
            using
                errcode = case
                    when amount is null then 'not_null_violation'
                    when abs(amount) > 99999999.99 then 'numeric_value_out_of_range'
                    else 'check_violation'
                end,
                schema = 'ASSESSMENT', table = table_name, column = column_name;
    end if;
end
$$;

create function "ASSESSMENT".check_name(label text, name text, table_name text, column_name text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if name is null or name !~ '\S' or length(name) > 200 then
        raise exception '% must be 1 to 200 characters and not blank; given was %.',
            label,
            case
                when name is null then 'nothing'
                when length(name) > 200 then format('one of %s characters', length(name))
                else 'a blank one'
            end
            using
                errcode = case
                    when name is null then 'not_null_violation'
                    when length(name) > 200 then 'string_data_right_truncation'
                    else 'check_violation'
                end,
                schema = 'ASSESSMENT', table = table_name, column = column_name;
    end if;
end
$$;

create function "ASSESSMENT".check_id(what text, id bigint, table_name text, column_name text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if id is null then
        raise exception 'Give %.', what
            using errcode = 'not_null_violation', schema = 'ASSESSMENT', table = table_name, column = column_name;
    end if;
end
$$;

-- The caller is told what everybody can see: that a row of theirs has changed, and the colleague to ask about it.
create function "ASSESSMENT".by_whom(changed_table text, changed_key jsonb, changed_column text default null) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
    select coalesce(
        (
            select format(
                ' by %s on %s UTC', "ACTING_PERSON_TXT",
                to_char("AUDIT_DTTM" at time zone 'UTC', 'YYYY-MM-DD "at" HH24:MI')
            )
            from "ASSESSMENT"."TB_AUDIT_LOG"
            where
                "TABLE_TXT" = changed_table
                and "KEY_TXT" = changed_key
                and (
                    changed_column is null
                    or "BEFORE_TXT" -> changed_column is distinct from "AFTER_TXT" -> changed_column
                )
            order by "AUDIT_ID_NO" desc
            limit 1
        ),
        ''
    )
$$;

create function "ASSESSMENT".settle(settled_id bigint, new_status text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    found_status text;
begin
    perform "ASSESSMENT".check_id('the number of the transaction', settled_id, 'TB_TRANSACTION', 'TRANSACTION_ID_NO');
    select "STATUS_CD" into found_status
    from "ASSESSMENT"."TB_TRANSACTION"
    where "TRANSACTION_ID_NO" = settled_id
    for update;
    if found_status is null then
        raise exception 'There is no transaction %; check the number.', settled_id
            using
                errcode = 'no_data_found',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION', column = 'TRANSACTION_ID_NO';
    elsif found_status <> 'PENDING' then
        raise exception 'Transaction % was % already%; only a pending one can be %.',
            settled_id,
            lower(found_status),
            "ASSESSMENT".by_whom('TB_TRANSACTION', jsonb_build_object('TRANSACTION_ID_NO', settled_id), 'STATUS_CD'),
            lower(new_status)
            using
                errcode = 'object_not_in_prerequisite_state',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION', column = 'STATUS_CD';
    end if;
    update "ASSESSMENT"."TB_TRANSACTION" set "STATUS_CD" = new_status where "TRANSACTION_ID_NO" = settled_id;
end
$$;

create or replace procedure "ASSESSMENT".complete_transaction(transaction_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
    perform "ASSESSMENT".settle(transaction_id, 'COMPLETED');
end
$$;

create or replace procedure "ASSESSMENT".cancel_transaction(transaction_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
    perform "ASSESSMENT".settle(transaction_id, 'CANCELLED');
end
$$;

-- Rows are locked in the order of their numbers, so that two calls cannot wait for each other. One that somebody else
-- keeps locked is given up sooner than by the procedures above: there may be many.
create function "ASSESSMENT".complete_transactions(transaction_ids bigint[])
returns table (transaction_id bigint, outcome text, sentence text)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
begin
    if coalesce(cardinality(transaction_ids), 0) = 0 then
        perform "ASSESSMENT".check_id('the numbers of the transactions', null, 'TB_TRANSACTION', 'TRANSACTION_ID_NO');
    end if;
    for transaction_id in select asked.id from unnest(transaction_ids) as asked (id) order by asked.id loop
        begin
            perform "ASSESSMENT".settle(transaction_id, 'COMPLETED');
            outcome := 'COMPLETED';
            sentence := format('Transaction %s is completed.', transaction_id);
        exception
            when not_null_violation then
                outcome := 'NO_NUMBER';
                sentence := sqlerrm;
            when no_data_found then
                outcome := 'NOT_FOUND';
                sentence := sqlerrm;
            when lock_not_available then
                outcome := 'LOCKED';
                sentence := format('Transaction %s is being changed by somebody else; try again.', transaction_id);
            -- 55000 stands for its whole class, in which the lock above is too.
            when object_not_in_prerequisite_state then
                outcome := 'SETTLED_ALREADY';
                sentence := sqlerrm;
        end;
        return next;
    end loop;
end
$$;

drop procedure "ASSESSMENT".record_transaction(text, bigint[], integer[], bigint);

-- Quantities of a type wide enough for every wrong number, which is then refused with a sentence.
create procedure "ASSESSMENT".record_transaction(
    member_id text, item_ids bigint[], quantities numeric[], inout transaction_id bigint default null
)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
    membership_status text;
    refused record;
    price numeric;
    weight_kg numeric;
begin
    if member_id is null or member_id !~ '\S' then
        raise exception 'Name the member who buys.'
            using
                errcode = 'not_null_violation',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION', column = 'MEMBERSHIP_ID_TXT';
    end if;
    if coalesce(cardinality(item_ids), 0) = 0 or cardinality(item_ids) is distinct from cardinality(quantities) then
        raise exception 'Give at least one item, and one quantity for each; given were % items and % quantities.',
            coalesce(cardinality(item_ids), 0), coalesce(cardinality(quantities), 0)
            using
                errcode = 'check_violation',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION_ITEM_MAPPING', column = 'QUANTITY_NO';
    end if;
    if array_position(item_ids, null) is not null then
        perform "ASSESSMENT".check_id('the number of each item', null, 'TB_TRANSACTION_ITEM_MAPPING', 'ITEM_ID_NO');
    end if;
    select asked.item_id, asked.quantity into refused
    from unnest(item_ids, quantities) as asked (item_id, quantity)
    where
        asked.quantity is null
        or asked.quantity not between 1 and 1000000
        or asked.quantity <> trunc(asked.quantity)
    limit 1;
    if found then
        raise exception 'The quantity of item % must be a whole number from 1 to 1,000,000; given was %.',
            refused.item_id, coalesce(left(refused.quantity::text, 30), 'nothing')
            using
                errcode = case
                    when refused.quantity is null then 'not_null_violation'
                    when refused.quantity > 1000000 then 'numeric_value_out_of_range'
                    else 'check_violation'
                end,
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION_ITEM_MAPPING', column = 'QUANTITY_NO';
    end if;
    select item_id into refused from unnest(item_ids) as item_id group by item_id having count(*) > 1 limit 1;
    if found then
        raise exception 'Name item % once, with the sum of its quantities.', refused.item_id
            using
                errcode = 'check_violation',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION_ITEM_MAPPING', column = 'ITEM_ID_NO';
    end if;

    select "STATUS_CD" into membership_status
    from "ASSESSMENT"."TB_MEMBERSHIP"
    where "MEMBERSHIP_ID_TXT" = member_id
    for share;
    if membership_status is null then
        raise exception 'There is no member %; check the key.', member_id
            using
                errcode = 'no_data_found',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION', column = 'MEMBERSHIP_ID_TXT';
    elsif membership_status <> 'ACTIVE' then
        raise exception 'Member % is %; only an active member can buy.', member_id, lower(membership_status)
            using
                errcode = 'object_not_in_prerequisite_state',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION', column = 'MEMBERSHIP_ID_TXT';
    end if;

    perform from "ASSESSMENT"."TB_ITEM" where "ITEM_ID_NO" = any(item_ids) order by "ITEM_ID_NO" for share;
    select string_agg(asked.item_id::text, ', ' order by asked.item_id) as item_ids into refused
    from unnest(item_ids) as asked (item_id)
    left join "ASSESSMENT"."TB_ITEM" as item on asked.item_id = item."ITEM_ID_NO" and item."DELETED_DTTM" is null
    where item."ITEM_ID_NO" is null;
    if refused.item_ids is not null then
        raise exception 'Leave out what is not on sale: item %.', refused.item_ids
            using
                errcode = 'no_data_found',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION_ITEM_MAPPING', column = 'ITEM_ID_NO';
    end if;

    select sum(asked.quantity * item."COST_NO"), sum(asked.quantity * item."WEIGHT_KG") into price, weight_kg
    from unnest(item_ids, quantities) as asked (item_id, quantity)
    inner join "ASSESSMENT"."TB_ITEM" as item on asked.item_id = item."ITEM_ID_NO";
    if greatest(price, weight_kg) >= 10000000000 then
        raise exception 'Split the purchase: its price and its weight in kilograms must stay under 10,000,000,000.'
            using
                errcode = 'numeric_value_out_of_range',
                schema = 'ASSESSMENT', table = 'TB_TRANSACTION',
                column = case when price >= 10000000000 then 'TOTAL_PRICE_NO' else 'TOTAL_WEIGHT_KG' end;
    end if;

    insert into "ASSESSMENT"."TB_TRANSACTION" ("MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG")
    values (member_id, price, weight_kg)
    returning "TRANSACTION_ID_NO" into transaction_id;
    insert into "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" (
        "TRANSACTION_ID_NO", "ITEM_ID_NO", "QUANTITY_NO", "UNIT_PRICE_NO"
    )
    select transaction_id, asked.item_id, asked.quantity, item."COST_NO"
    from unnest(item_ids, quantities) as asked (item_id, quantity)
    inner join "ASSESSMENT"."TB_ITEM" as item on asked.item_id = item."ITEM_ID_NO";
end
$$;

create or replace procedure "ASSESSMENT".add_item(
    item_name text, manufacturer_name text, cost numeric, weight_kg numeric, inout item_id bigint default null
)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
    perform "ASSESSMENT".check_name('The name', item_name, 'TB_ITEM', 'ITEM_NAME');
    perform "ASSESSMENT".check_name('The manufacturer', manufacturer_name, 'TB_ITEM', 'MANUFACTURER_NAME');
    perform "ASSESSMENT".check_amount('The cost', cost, 'TB_ITEM', 'COST_NO');
    perform "ASSESSMENT".check_amount('The weight in kilograms', weight_kg, 'TB_ITEM', 'WEIGHT_KG');
    insert into "ASSESSMENT"."TB_ITEM" ("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG")
    values (item_name, manufacturer_name, cost, weight_kg)
    returning "ITEM_ID_NO" into item_id;
end
$$;

-- Locks the item that the caller wants to change, and returns its row.
create function "ASSESSMENT".locked_item(item_id bigint) returns "ASSESSMENT"."TB_ITEM"
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    item "ASSESSMENT"."TB_ITEM";
begin
    perform "ASSESSMENT".check_id('the number of the item', item_id, 'TB_ITEM', 'ITEM_ID_NO');
    select * into item from "ASSESSMENT"."TB_ITEM" where "ITEM_ID_NO" = item_id for update;
    if not found then
        raise exception 'There is no item %; check the number.', item_id
            using errcode = 'no_data_found', schema = 'ASSESSMENT', table = 'TB_ITEM', column = 'ITEM_ID_NO';
    end if;
    return item;
end
$$;

drop procedure "ASSESSMENT".change_item(bigint, text, text, numeric, numeric);

create procedure "ASSESSMENT".change_item(
    item_id bigint,
    item_name text default null,
    manufacturer_name text default null,
    cost numeric default null,
    weight_kg numeric default null,
    expected timestamptz default null
)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
    item constant "ASSESSMENT"."TB_ITEM" := "ASSESSMENT".locked_item(item_id);
begin
    if num_nonnulls(item_name, manufacturer_name, cost, weight_kg) = 0 then
        raise exception 'Say what to change of item %: its name, manufacturer, cost or weight.', item_id
            using errcode = 'check_violation', schema = 'ASSESSMENT', table = 'TB_ITEM', column = 'ITEM_ID_NO';
    end if;
    perform "ASSESSMENT".check_name('The name', item_name, 'TB_ITEM', 'ITEM_NAME')
    where item_name is not null;
    perform "ASSESSMENT".check_name('The manufacturer', manufacturer_name, 'TB_ITEM', 'MANUFACTURER_NAME')
    where manufacturer_name is not null;
    perform "ASSESSMENT".check_amount('The cost', cost, 'TB_ITEM', 'COST_NO')
    where cost is not null;
    perform "ASSESSMENT".check_amount('The weight in kilograms', weight_kg, 'TB_ITEM', 'WEIGHT_KG')
    where weight_kg is not null;
    if expected <> item."UPDATED_DTTM" then
        raise exception 'Item % was changed%, after you had read it; read it again and repeat your change.',
            item_id, "ASSESSMENT".by_whom('TB_ITEM', jsonb_build_object('ITEM_ID_NO', item_id))
            using errcode = 'U0001', schema = 'ASSESSMENT', table = 'TB_ITEM', column = 'UPDATED_DTTM';
    end if;
    update "ASSESSMENT"."TB_ITEM"
    set
        "ITEM_NAME" = coalesce(item_name, "ITEM_NAME"),
        "MANUFACTURER_NAME" = coalesce(manufacturer_name, "MANUFACTURER_NAME"),
        "COST_NO" = coalesce(cost, "COST_NO"),
        "WEIGHT_KG" = coalesce(weight_kg, "WEIGHT_KG")
    where "ITEM_ID_NO" = item_id;
end
$$;

create or replace procedure "ASSESSMENT".retire_item(item_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
    if ("ASSESSMENT".locked_item(item_id))."DELETED_DTTM" is not null then
        raise exception 'Item % was retired already%; it is not on sale.',
            item_id, "ASSESSMENT".by_whom('TB_ITEM', jsonb_build_object('ITEM_ID_NO', item_id), 'DELETED_DTTM')
            using
                errcode = 'object_not_in_prerequisite_state',
                schema = 'ASSESSMENT', table = 'TB_ITEM', column = 'DELETED_DTTM';
    end if;
    update "ASSESSMENT"."TB_ITEM" set "DELETED_DTTM" = statement_timestamp() where "ITEM_ID_NO" = item_id;
end
$$;

create or replace procedure "ASSESSMENT".restore_item(item_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
    if ("ASSESSMENT".locked_item(item_id))."DELETED_DTTM" is null then
        raise exception 'Item % is on sale; only a retired item can be restored.', item_id
            using
                errcode = 'object_not_in_prerequisite_state',
                schema = 'ASSESSMENT', table = 'TB_ITEM', column = 'DELETED_DTTM';
    end if;
    update "ASSESSMENT"."TB_ITEM" set "DELETED_DTTM" = null where "ITEM_ID_NO" = item_id;
end
$$;

create or replace procedure "ASSESSMENT".remove_item(item_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
    perform "ASSESSMENT".locked_item(item_id);
    delete from "ASSESSMENT"."TB_ITEM" where "ITEM_ID_NO" = item_id;
exception when restrict_violation or foreign_key_violation then
    raise exception 'Item % was sold and cannot be deleted; retire it instead.', item_id
        using errcode = 'restrict_violation', schema = 'ASSESSMENT', table = 'TB_ITEM', column = 'ITEM_ID_NO';
end
$$;

comment on function "ASSESSMENT".check_amount(text, numeric, text, text) is
'Refuses what is no price or weight of an item.';
comment on function "ASSESSMENT".check_name(text, text, text, text) is 'Refuses what is no name.';
comment on function "ASSESSMENT".check_id(text, bigint, text, text) is 'Refuses a number that was not given.';
comment on function "ASSESSMENT".by_whom(text, jsonb, text) is
'Says who last changed a row, or a column of it, and when, as the end of a sentence; empty if the audit log does not know.';
comment on function "ASSESSMENT".settle(bigint, text) is 'Completes or cancels a pending transaction.';
comment on function "ASSESSMENT".locked_item(bigint) is 'Locks an item and returns its row.';
comment on function "ASSESSMENT".complete_transactions(bigint[]) is
'Marks pending transactions as delivered, and answers with a row for each, by number: COMPLETED, SETTLED_ALREADY,
NOT_FOUND, LOCKED or NO_NUMBER, and a sentence. What is refused of one leaves the others completed.';
comment on procedure "ASSESSMENT".record_transaction (text, bigint [], numeric [], bigint) is
'Records a purchase: an active member, items on sale, a quantity for each. Price and weight are worked out, and each line
keeps its price; gives the new transaction''s number.';
comment on procedure "ASSESSMENT".change_item (bigint, text, text, numeric, numeric, timestamptz) is
'Changes what is given of an item; what is left out, or null, stays. `expected` is the "UPDATED_DTTM" that the caller has
read: if the item was changed since, the call is refused with SQLSTATE U0001.';
