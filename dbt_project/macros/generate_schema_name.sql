{#- A model's schema is the one that its folder sets, without a prefix, so that asset key and relation agree. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
