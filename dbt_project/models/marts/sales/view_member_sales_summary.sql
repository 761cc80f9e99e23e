-- Without CTEs and barrier on purpose: PostgreSQL would plan the view separately from the query over it, and sort the
-- whole aggregate although its index has the order. It hides no rows, so it needs no barrier.
{{ config(meta={'security_barrier': false}) }}

select
    member_id,
    first_name,
    last_name,
    membership_status,
    completed_transactions,
    pending_transactions,
    cancelled_transactions,
    items,
    total_spent,
    total_weight_kg,
    (total_spent / nullif(sales, 0))::numeric(30, 2) as average_basket,
    first_purchase_at,
    last_purchase_at
from {{ ref('int_members__summed') }}
