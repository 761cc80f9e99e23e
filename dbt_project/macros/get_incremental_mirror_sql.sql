{#-
    Incremental strategy "mirror": makes the table equal to the query's result and writes only the rows that differ.
    Readers see the old rows until the commit, dependent views stay, and a build without news writes nothing.
    Needs PostgreSQL 17 (`when not matched by source`) and a `unique_key`.
-#}
{% macro get_incremental_mirror_sql(arg_dict) -%}
    {%- set key = adapter.quote(arg_dict['unique_key']) -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | map('tojson') | list -%}
    merge into {{ arg_dict['target_relation'] }} as kept
    using {{ arg_dict['temp_relation'] }} as fresh
    on kept.{{ key }} = fresh.{{ key }}
    when matched and (
        {%- for column in columns %}
        kept.{{ column }} is distinct from fresh.{{ column }}{{ ' or' if not loop.last }}
        {%- endfor %}
    ) then update set
        {%- for column in columns %}
        {{ column }} = fresh.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    when not matched by target then
        insert ({{ columns | join(', ') }})
        values (fresh.{{ columns | join(', fresh.') }})
    when not matched by source then delete
{%- endmacro %}
