-- A role that may update or delete rows may also lock the table. People change rows by procedures, which have the owner's
-- rights and give up when somebody else keeps a row locked.
alter procedure "ASSESSMENT".complete_transaction(bigint) security definer set lock_timeout = '5s';
alter procedure "ASSESSMENT".cancel_transaction(bigint) security definer set lock_timeout = '5s';
alter procedure "ASSESSMENT".record_transaction(text, bigint[], integer[], bigint) set lock_timeout = '5s';
alter procedure "ASSESSMENT".add_item(text, text, numeric, numeric, bigint) security definer set lock_timeout = '5s';
alter procedure "ASSESSMENT".change_item(bigint, text, text, numeric, numeric) security definer set lock_timeout = '5s';
alter procedure "ASSESSMENT".retire_item(bigint) security definer set lock_timeout = '5s';
alter procedure "ASSESSMENT".restore_item(bigint) security definer set lock_timeout = '5s';

create procedure "ASSESSMENT".remove_item(item_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
    delete from "ASSESSMENT"."TB_ITEM" where "ITEM_ID_NO" = item_id;
    if not found then
        raise exception 'There is no item %.', item_id using errcode = 'no_data_found';
    end if;
exception when restrict_violation or foreign_key_violation then
    raise exception 'Item % was sold and cannot be deleted; retire it instead.', item_id
        using errcode = 'restrict_violation';
end
$$;

comment on procedure "ASSESSMENT".remove_item (bigint) is 'Deletes an item that was never sold.';

revoke update ("STATUS_CD") on "ASSESSMENT"."TB_TRANSACTION" from "TEAM_LOGISTICS";
revoke
insert ("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG", "DELETED_DTTM"),
update ("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG", "DELETED_DTTM")
on "ASSESSMENT"."TB_ITEM" from "TEAM_SALES";
revoke delete on "ASSESSMENT"."TB_ITEM" from "TEAM_SALES";

-- As before, but only for days around today: a caller could create tables without end.
create or replace function image_catalog.ensure_day(arrival_day date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    today constant date := (now() at time zone 'UTC')::date;
    parent text;
    child text;
begin
    if arrival_day is null or arrival_day not between today - 366 and today + 1 then
        raise exception 'No image can have arrived on %: a day is at most a year ago and not after tomorrow.', arrival_day
            using errcode = 'check_violation';
    end if;
    foreach parent in array array['image', 'rendition'] loop
        child := format('%s_%s', parent, to_char(arrival_day, 'YYYYMMDD'));
        continue when to_regclass(format('image_catalog.%I', child)) is not null;
        perform pg_advisory_xact_lock(hashtext('image_catalog.ensure_day'));
        continue when exists (
            select from pg_class where relname = child and relnamespace = 'image_catalog'::regnamespace
        );
        execute format('create table image_catalog.%I (like image_catalog.%I including all)', child, parent);
        execute format(
            'alter table image_catalog.%I attach partition image_catalog.%I for values from (%L) to (%L)',
            parent, child,
            arrival_day::timestamp at time zone 'UTC',
            (arrival_day + 1)::timestamp at time zone 'UTC'
        );
    end loop;
end
$$;

-- Triggers need the right to execute their function only when they are created, which the owner does.
revoke all on function "ASSESSMENT".write_audit(), "ASSESSMENT".refuse() from darkroom_admin;
