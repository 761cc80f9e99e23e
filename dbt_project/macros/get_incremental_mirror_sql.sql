{#-
    Incremental strategy "mirror": brings the table to what the query gives for the keys in it, and writes only the rows
    that differ. Readers see the old rows until the commit, dependent views stay, and a build without news writes nothing.
    Rows that `incremental_predicates` select and the query does not give are deleted; without it none are.
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
