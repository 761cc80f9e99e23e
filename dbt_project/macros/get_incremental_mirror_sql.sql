{#-
    Incremental strategy "mirror": makes the table equal to the query for the keys that the query returns, and writes only
    rows that differ. Readers see the old rows until the commit, dependent views stay, and a build without changes writes
    nothing. Rows that `incremental_predicates` select and the query does not return are deleted; without predicates none
    are.
-#}
{% macro get_incremental_mirror_sql(arg_dict) -%}
    {%- set key = adapter.quote(arg_dict['unique_key']) -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | map('tojson') | list -%}
    {%- set predicates = arg_dict['incremental_predicates'] -%}
    {%- if predicates %}
    delete from {{ arg_dict['target_relation'] }} as kept
    where
        {{ predicates | join(' and ') }}
        and not exists (select from {{ arg_dict['temp_relation'] }} as fresh where fresh.{{ key }} = kept.{{ key }});
    {%- endif %}
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
    when not matched then
        insert ({{ columns | join(', ') }})
        values (fresh.{{ columns | join(', fresh.') }})
{%- endmacro %}
