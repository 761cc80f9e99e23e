{#- The oldest visible time of arrival. What arrived before it has expired; what arrived at it has not. -#}
{% macro retention_cutoff() -%}
    now() - make_interval(hours => {{ var('retention_hours') | int }})
{%- endmacro %}
