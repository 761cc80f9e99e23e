{#- What the hooks of a model took for it, as queries: unit tests, in which no hook runs, replace them. -#}

{#- The keys that `consume_changes` took from a queue. -#}
{% macro consumed(queue) -%}
    {{ queue }}_consumed
{%- endmacro %}

{#- The bookings that `select_new_bookings` selected for this model. -#}
{% macro new_bookings() -%}
    new_bookings
{%- endmacro %}

{#- Up to which batch an aggregate has summed up the bookings. -#}
{% macro last_batch(aggregate) -%}
    (
        select summed.upto_batch from change_queue.summed_batch as summed
        where summed.aggregate_name = '{{ aggregate }}'
    )
{%- endmacro %}
