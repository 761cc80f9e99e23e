-- What changed in the sales tables and is not in the aggregates yet. Writers append keys in their own transaction; a
-- build takes them in the transaction that brings its aggregate up to date. So a change that commits late is never
-- missed, a deleted row leaves a trace, and a build that is killed takes nothing.
create table change_queue.changed_transaction (
    change_id bigint generated always as identity primary key,
    transaction_id bigint not null
);

create table change_queue.changed_member (
    change_id bigint generated always as identity primary key,
    member_id text not null
);

create table change_queue.changed_item (
    change_id bigint generated always as identity primary key,
    item_id bigint not null
);

-- Numbers the batches of bookings. It never goes back, so that an aggregate knows what it has summed up already, even
-- after the bookings were made anew.
create sequence change_queue.booking_batch;

-- Up to which batch each aggregate has summed the bookings up; written in the transaction that does so.
create table change_queue.summed_batch (
    aggregate_name text primary key,
    after_batch bigint not null default 0,
    upto_batch bigint not null default 0 check (upto_batch >= after_batch)
);

-- Arguments of the trigger: the queue, its key column, the column of the changed table that holds the key.
create function change_queue.note_changes() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    changed_rows constant text := case tg_op
        when 'INSERT' then 'table arrived'
        when 'DELETE' then 'table gone'
        else '(table arrived except table gone) union all (table gone except table arrived)'
    end;
begin
    execute format(
        'insert into change_queue.%I (%I) select distinct %I from (%s) as changed',
        tg_argv[0], tg_argv[1], tg_argv[2], changed_rows
    );
    return null;
end
$$;

-- One trigger for each kind of change: PostgreSQL gives the changed rows as a table to triggers of one kind only.
do $$
declare
    sales_table text;
    queue text;
    queue_column text;
    key_column text;
    arguments text;
begin
    for sales_table, queue, queue_column, key_column in values
        ('TB_ITEM', 'changed_item', 'item_id', 'ITEM_ID_NO'),
        ('TB_MEMBERSHIP', 'changed_member', 'member_id', 'MEMBERSHIP_ID_TXT'),
        ('TB_TRANSACTION', 'changed_transaction', 'transaction_id', 'TRANSACTION_ID_NO'),
        ('TB_TRANSACTION_ITEM_MAPPING', 'changed_transaction', 'transaction_id', 'TRANSACTION_ID_NO')
    loop
        arguments := format('%L, %L, %L', queue, queue_column, key_column);
        execute format(
            'create trigger queue_insert after insert on "ASSESSMENT".%I referencing new table as arrived '
            'for each statement execute function change_queue.note_changes(%s)', sales_table, arguments
        );
        execute format(
            'create trigger queue_update after update on "ASSESSMENT".%I '
            'referencing old table as gone new table as arrived '
            'for each statement execute function change_queue.note_changes(%s)', sales_table, arguments
        );
        execute format(
            'create trigger queue_delete after delete on "ASSESSMENT".%I referencing old table as gone '
            'for each statement execute function change_queue.note_changes(%s)', sales_table, arguments
        );
    end loop;
end
$$;

-- What is there already waits for the first build.
insert into change_queue.changed_item (item_id) select "ITEM_ID_NO" from "ASSESSMENT"."TB_ITEM";
insert into change_queue.changed_member (member_id) select "MEMBERSHIP_ID_TXT" from "ASSESSMENT"."TB_MEMBERSHIP";
insert into change_queue.changed_transaction (transaction_id)
select "TRANSACTION_ID_NO" from "ASSESSMENT"."TB_TRANSACTION";

-- The queue tells what changed; these indexes served that only. The one of the transactions serves source freshness.
drop index "ASSESSMENT"."IX_ITEM_UPDATED";
drop index "ASSESSMENT"."IX_MEMBERSHIP_UPDATED";
drop index "ASSESSMENT"."IX_MAPPING_UPDATED";
revoke select ("UPDATED_DTTM") on "ASSESSMENT"."TB_ITEM" from darkroom_loader;
revoke select ("UPDATED_DTTM") on "ASSESSMENT"."TB_MEMBERSHIP" from darkroom_loader;
revoke select ("UPDATED_DTTM") on "ASSESSMENT"."TB_TRANSACTION" from darkroom_loader;
revoke select ("UPDATED_DTTM") on "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" from darkroom_loader;
revoke usage on schema "ASSESSMENT" from darkroom_loader;

comment on schema change_queue is 'Keys of what changed in the sales tables since the views were last built.';
comment on table change_queue.changed_transaction is
'One row per statement and transaction that it changed, lines included, until the bookings have it.';
comment on table change_queue.changed_member is
'One row per statement and member that it changed, until the members'' aggregate has it.';
comment on table change_queue.changed_item is
'One row per statement and item that it changed, until the items'' aggregate has it.';
comment on column change_queue.changed_transaction.change_id is 'Order of noting, which need not be that of committing.';
comment on column change_queue.changed_transaction.transaction_id is 'The transaction.';
comment on column change_queue.changed_member.change_id is 'Order of noting, which need not be that of committing.';
comment on column change_queue.changed_member.member_id is 'The member.';
comment on column change_queue.changed_item.change_id is 'Order of noting, which need not be that of committing.';
comment on column change_queue.changed_item.item_id is 'The item.';
comment on sequence change_queue.booking_batch is 'Number of the last batch of bookings.';
comment on table change_queue.summed_batch is
'One row per aggregate: the bookings that it summed up last are those after one batch, up to another.';
comment on column change_queue.summed_batch.aggregate_name is 'Name of the dbt model.';
comment on column change_queue.summed_batch.after_batch is 'Batch that it had summed up to before.';
comment on column change_queue.summed_batch.upto_batch is 'Batch that it has summed up to now.';
comment on function change_queue.note_changes() is 'Appends the keys of the rows that a statement changed.';
