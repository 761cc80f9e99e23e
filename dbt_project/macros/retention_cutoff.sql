{#- The oldest time of arrival that may still be seen. What arrived before it is expired; what arrived at it is not. -#}
{% macro retention_cutoff() -%}
    now() - make_interval(hours => {{ var('retention_hours') | int }})
{%- endmacro %}
