{#- A model's schema is the one its folder names, with nothing put before it: the asset key and the relation agree. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
