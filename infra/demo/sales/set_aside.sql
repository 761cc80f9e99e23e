-- What makes a bulk load slow, as pairs of statements that put it aside and bring it back: the row-by-row audit of the
-- sales tables, and the foreign keys and secondary indexes of the two large ones.
with

sales_tables (relation, is_large) as (
    values
    ('"ASSESSMENT"."TB_ITEM"'::regclass, false),
    ('"ASSESSMENT"."TB_MEMBERSHIP"'::regclass, false),
    ('"ASSESSMENT"."TB_TRANSACTION"'::regclass, true),
    ('"ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"'::regclass, true)
)

select
    'alter table ' || sales_tables.relation || ' disable trigger write_audit' as put_aside,
    'alter table ' || sales_tables.relation || ' enable trigger write_audit' as bring_back
from sales_tables
inner join pg_trigger on sales_tables.relation = pg_trigger.tgrelid
where pg_trigger.tgname = 'write_audit' and pg_trigger.tgenabled = 'O'
union all
select
    'alter table ' || sales_tables.relation || ' drop constraint ' || quote_ident(pg_constraint.conname) as put_aside,
    'alter table ' || sales_tables.relation || ' add constraint ' || quote_ident(pg_constraint.conname) || ' '
    || pg_get_constraintdef(pg_constraint.oid) as bring_back
from sales_tables
inner join pg_constraint on sales_tables.relation = pg_constraint.conrelid
where sales_tables.is_large and pg_constraint.contype = 'f'
union all
select
    'drop index ' || pg_index.indexrelid::regclass as put_aside,
    pg_get_indexdef(pg_index.indexrelid) as bring_back
from sales_tables
inner join pg_index on sales_tables.relation = pg_index.indrelid
where sales_tables.is_large and not pg_index.indisunique;
