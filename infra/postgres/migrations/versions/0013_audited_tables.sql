-- Columns whose values no log may hold: those that the access file lists as personal. `darkroom access apply` keeps this
-- table equal to the file; until then these are the ones of the file at the time of this migration.
create table "ASSESSMENT".personal_column (
    relation_name text not null,
    column_name text not null,
    primary key (relation_name, column_name)
);
insert into "ASSESSMENT".personal_column (relation_name, column_name)
values
('ASSESSMENT.TB_MEMBERSHIP', 'EMAIL_ADDR'),
('ASSESSMENT.TB_MEMBERSHIP', 'MOBILE_NO'),
('ASSESSMENT.TB_MEMBERSHIP', 'BIRTH_DT');

comment on table "ASSESSMENT".personal_column is
'One row per personal column of the access file: the audit log names it when it changes, and never holds its value.';
comment on column "ASSESSMENT".personal_column.relation_name is 'Schema and table.';
comment on column "ASSESSMENT".personal_column.column_name is 'The column.';

alter table "ASSESSMENT"."TB_AUDIT_LOG"
add column "SCHEMA_TXT" text not null default 'ASSESSMENT',
add column "PERSONAL_COLUMNS_TXT" text[] not null default '{}';
alter table "ASSESSMENT"."TB_AUDIT_LOG" alter column "SCHEMA_TXT" drop default;

comment on column "ASSESSMENT"."TB_AUDIT_LOG"."SCHEMA_TXT" is 'Schema of the changed table.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."PERSONAL_COLUMNS_TXT" is
'The personal columns that an update changed, or that an inserted or deleted row had values in; never the values.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."BEFORE_TXT" is
'The row before, as JSON without personal columns; null for an insert.';
comment on column "ASSESSMENT"."TB_AUDIT_LOG"."AFTER_TXT" is
'The row after, as JSON without personal columns; null for a delete.';

-- Arguments of the trigger: the table's key columns. The person is the role taken with SET ROLE, which only a member of
-- it can take, or else the one that logged in; neither can be pretended. The function runs as its owner, and writes about
-- that owner's tables only: nobody else's table can have its changes taken for those of a sales table.
create or replace function "ASSESSMENT".write_audit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    personal text[];
    row_before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    row_after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
    if (select relowner from pg_class where oid = tg_relid) is distinct from current_user::regrole::oid then
        raise exception 'The audit log is not written for %.%, a table of somebody else.', tg_table_schema, tg_table_name
            using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'UPDATE' and old is not distinct from new then
        return null;
    end if;
    select coalesce(array_agg(column_name order by column_name), '{}') into personal
    from "ASSESSMENT".personal_column
    where relation_name = tg_table_schema || '.' || tg_table_name;
    insert into "ASSESSMENT"."TB_AUDIT_LOG" (
        "DATABASE_USER_TXT", "ACTING_PERSON_TXT", "SCHEMA_TXT", "TABLE_TXT", "ACTION_CD", "KEY_TXT",
        "PERSONAL_COLUMNS_TXT", "BEFORE_TXT", "AFTER_TXT"
    )
    select
        session_user,
        coalesce(nullif(current_setting('role'), 'none'), session_user),
        tg_table_schema,
        tg_table_name,
        tg_op,
        (
            select jsonb_object_agg(key_column, coalesce(row_after, row_before) -> key_column)
            from unnest(tg_argv) as key_column
        ),
        array(
            select name
            from unnest(personal) as name
            where nullif(row_before -> name, 'null') is distinct from nullif(row_after -> name, 'null')
        ),
        row_before - personal,
        row_after - personal;
    return null;
end
$$;
