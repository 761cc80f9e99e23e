-- By what the rows of each incremental model were computed. A model whose definition has changed is computed anew as a
-- whole; without it, only changed keys would follow the new definition.
create table change_queue.model_definition (
    model_name text primary key,
    definition text not null,
    computed_at timestamptz not null default now()
);

comment on table change_queue.model_definition is 'One row per incremental model of the dbt project that has been built.';
comment on column change_queue.model_definition.model_name is 'Name of the dbt model.';
comment on column change_queue.model_definition.definition is
'Digest of its code and of the code of all models that it reads, and the tables among these.';
comment on column change_queue.model_definition.computed_at is 'When all its rows were last computed (UTC).';
