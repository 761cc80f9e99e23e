{#-
    A table that is brought up to date in place, in one transaction with everything that belongs to it: a build that is
    killed changes nothing, readers see the old rows until the commit, and views over it stay.

    With a `unique_key` the table becomes equal to the query, and only rows that differ are written: for the keys that the
    query returns and those that `incremental_predicates` select, or for all keys if the query is complete
    (`is_incremental()` is false). Without one, the rows of the query are added.

    dbt's own makes a new table for a full refresh, and drops the old one together with the views over it.
-#}
{% materialization incremental, adapter='postgres' %}

    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set fresh = make_temp_relation(target) -%}
    {%- set follows_changes = is_incremental() -%}
    {%- set unique_key = config.get('unique_key') -%}
    {%- set keys = [unique_key] if unique_key is string else unique_key -%}

    {% if existing is not none and not existing.is_table %}
        {{ exceptions.raise_compiler_error(this ~ ' is a ' ~ existing.type ~ ' in the database; drop it first.') }}
    {% endif %}
    {% if existing is not none %}
        {% do adopt_columns(target, none if follows_changes else sql) %}
    {% endif %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if existing is none %}
        {% call statement('main') -%}
            create table {{ target }} as (
                {{ sql }}
            )
        {%- endcall %}
        {% do create_indexes(target) %}
    {% else %}
        {% call statement('fresh') -%}
            create temporary table {{ fresh }} on commit drop as (
                {{ sql }}
            )
        {%- endcall %}
        {%- set columns = adapter.get_columns_in_relation(fresh) | map(attribute='quoted') | list -%}
        {% if keys %}
            {% call statement('gone') -%}
                {{ delete_gone(target, fresh, keys, config.get('incremental_predicates') if follows_changes else ['true']) }}
            {%- endcall %}
        {% endif %}
        {% call statement('main') -%}
            {% if keys -%}
                {{ merge_fresh(target, fresh, keys, columns) }}
            {%- else -%}
                insert into {{ target }} ({{ columns | join(', ') }})
                select {{ columns | join(', ') }} from {{ fresh }}
            {%- endif %}
        {%- endcall %}
    {% endif %}

    {% if not follows_changes %}
        {#- Without statistics the next build would read all of a new table. -#}
        {% call statement('statistics') -%}
            analyze {{ target }};
            insert into change_queue.model_definition (model_name, definition)
            values ('{{ this.name }}', {{ definition() }})
            on conflict (model_name) do update
                set definition = excluded.definition, computed_at = excluded.computed_at
        {%- endcall %}
    {% endif %}
    {% do apply_grants(target, config.get('grants'), should_revoke=should_revoke(existing)) %}
    {% do persist_docs(target, model) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target]}) }}

{% endmaterialization %}

{#-
    Gives a table the columns of a query, in a short transaction of its own; without a query only tidies up. A column that
    has another type now, or that the query no longer has, is dropped. If views read it, it makes place under a name with
    `__replaced_`: they go on reading it until they are built again, and a later build drops it. So views name the columns
    that they read.
-#}
{% macro adopt_columns(target, query) -%}
    {%- set columns = adapter.get_columns_in_relation(target) -%}
    {%- set wanted = {} -%}
    {%- if query -%}
        {%- set empty = make_temp_relation(target, '__columns') -%}
        {% call statement('empty') -%}
            create temporary table {{ empty }} on commit drop as (
                {{ query }}
            )
            with no data
        {%- endcall %}
        {%- for column in adapter.get_columns_in_relation(empty) -%}
            {%- do wanted.update({column.quoted: column.data_type}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set old = [] -%}
    {%- for column in columns -%}
        {%- if query and wanted.get(column.quoted) == column.data_type -%}
            {%- do wanted.pop(column.quoted) -%}
        {%- elif query or '__replaced_' in column.name -%}
            {%- do old.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {% if old or wanted %}
        {% call statement('columns') -%}
            do $columns$
            declare
                old text;
            begin
                set local lock_timeout = '5s';
                foreach old in array string_to_array('{{ old | join(' ') }}', ' ') loop
                    -- To try and drop a column that views read would lock them: a deadlock with their readers.
                    if not exists (
                        select from pg_depend
                        inner join pg_attribute on attrelid = refobjid and attnum = refobjsubid
                        where
                            classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass
                            and attrelid = '{{ target }}'::regclass and attname = old
                    ) then
                        execute format('alter table {{ target }} drop column %I', old);
                    elsif old not like '%\_\_replaced\_%' then
                        execute format(
                            'alter table {{ target }} rename column %I to %I',
                            old, old || '__replaced_{{ run_started_at.strftime("%Y%m%d%H%M%S") }}'
                        );
                    end if;
                end loop;
                {%- for name, data_type in wanted.items() %}
                alter table {{ target }} add column {{ name }} {{ data_type }};
                {%- endfor %}
            end
            $columns$
        {%- endcall %}
    {% endif %}
    {% if query or old %}
        {% do adapter.commit() %}
        {#- dbt leaves it to its driver to begin a transaction, which does not notice that the first one has ended. -#}
        {% call statement('begin') %}begin{% endcall %}
    {% endif %}
{%- endmacro %}

{% macro delete_gone(target, fresh, keys, predicates) -%}
    delete from {{ target }} as kept
    where
        {{ (predicates or ['false']) | join(' and ') }}
        and not exists (
            select from {{ fresh }} as fresh
            where {% for key in keys %}fresh.{{ adapter.quote(key) }} = kept.{{ adapter.quote(key) }}{{ ' and ' if not loop.last }}{% endfor %}
        )
{%- endmacro %}

{% macro merge_fresh(target, fresh, keys, columns) -%}
    merge into {{ target }} as kept
    using {{ fresh }} as fresh
    on {% for key in keys %}kept.{{ adapter.quote(key) }} = fresh.{{ adapter.quote(key) }}{{ ' and ' if not loop.last }}{% endfor %}

    when matched and (
        {%- for column in columns %}
        kept.{{ column }} is distinct from fresh.{{ column }}{{ ' or' if not loop.last }}
        {%- endfor %}
    ) then update set
        {%- for column in columns %}
        {{ column }} = fresh.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    when not matched then
        insert ({{ columns | join(', ') }})
        values (fresh.{{ columns | join(', fresh.') }})
{%- endmacro %}
