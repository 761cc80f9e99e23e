{#-
    The last time of arrival that readers do not see: a purge has hidden it, or it is older than the retention. With a `unit`,
    the start of the UTC hour or day that it is in. A subquery, so that it is evaluated once and not for each row.
-#}
{% macro hidden_until(unit=none) -%}
    {%- set moment = "greatest(horizon.expired_until, " ~ retention_cutoff() ~ " - interval '1 microsecond')" -%}
    (
        select {% if unit %}date_trunc('{{ unit }}', {{ moment }}, 'UTC'){% else %}{{ moment }}{% endif %}
        from {{ source('image_catalog', 'horizon') }} as horizon
    )
{%- endmacro %}
