{#-
    Whether a model may follow the changes, because its table has all that came before. That is not so when there is no
    table, on `--full-refresh`, or when the table was computed by another definition: then the model's query returns
    everything, and the materialization writes what differs.
-#}
{% macro is_incremental() -%}
    {%- if not execute or not is_built() or should_full_refresh() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set known = run_query(
        "select definition = " ~ definition() ~ " from change_queue.model_definition where model_name = '" ~ this.name ~ "'"
    ) -%}
    {{ return(known.columns[0].values() | list == [true]) }}
{%- endmacro %}

{#- Whether the model's table exists. -#}
{% macro is_built() -%}
    {%- set relation = load_cached_relation(this) if execute else none -%}
    {{ return(relation is not none and relation.is_table) }}
{%- endmacro %}

{#-
    SQL expression for what the rows of the model are computed by: a digest of its code and of the code of all models that
    it reads, and which tables these are. A change of a macro does not change it.
-#}
{% macro definition() -%}
    {%- set read = [] -%}
    {%- for parent in model.depends_on.nodes if parent.startswith('model.') and graph.nodes[parent].config.materialized == 'incremental' -%}
        {%- do read.append(" || ' ' || to_regclass('" ~ graph.nodes[parent].relation_name ~ "')::oid") -%}
    {%- endfor -%}
    {{ return("'" ~ digest_of_code(model.unique_id) ~ "'" ~ read | join) }}
{%- endmacro %}

{% macro digest_of_code(model_id) -%}
    {%- set node = graph.nodes[model_id] -%}
    {%- set parts = [node.raw_code] -%}
    {%- for parent in node.depends_on.nodes if parent.startswith('model.') -%}
        {%- do parts.append(digest_of_code(parent)) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join)) }}
{%- endmacro %}
