-- Without CTEs and barrier on purpose: PostgreSQL plans such a view apart from the query over it, and would sort the
-- whole aggregate where its index gives the order. It hides no row, so there is nothing that a barrier would keep.
{{ config(meta={'security_barrier': false}) }}

select
    item_id,
    item_name,
    manufacturer_name,
    cost,
    weight_kg,
    retired_at is not null as is_retired,
    retired_at,
    sales as transactions,
    items_sold,
    (items_sold * cost)::numeric(16, 2) as total_sales_at_cost,
    (items_sold * weight_kg)::numeric(16, 2) as total_weight_kg,
    first_sold_at,
    last_sold_at
from {{ ref('int_items__summed') }}
