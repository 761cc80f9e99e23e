{#-
    Returns, for each row of the CTE `to_look_up`, the times of the first and the last sale with its key, from all
    bookings; a reversed sale does not count. They are null where no sale is left. The few keys are looked up one by one.
-#}
{% macro first_and_last_sale(key, first, last) -%}
    select
        to_look_up.{{ key }},
        ends.{{ first }},
        ends.{{ last }}
    from to_look_up
    cross join lateral (
        select
            min(sale.transaction_at) as {{ first }},
            max(sale.transaction_at) as {{ last }}
        from (
            select booked.transaction_at
            from {{ ref('int_sales__booked') }} as booked
            where booked.{{ key }} = to_look_up.{{ key }} and booked.is_sale
            group by booked.transaction_id, booked.transaction_at
            having sum(booked.transactions) > 0
        ) as sale
    ) as ends
{%- endmacro %}
