-- Without CTEs and barrier on purpose: PostgreSQL would plan the view separately from the query over it, and sort the
-- whole aggregate although its index has the order. It hides no rows, so it needs no barrier.
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
    total_sales,
    items_without_price,
    (items_sold * weight_kg)::numeric(30, 2) as total_weight_kg,
    first_sold_at,
    last_sold_at
from {{ ref('int_items__summed') }}
