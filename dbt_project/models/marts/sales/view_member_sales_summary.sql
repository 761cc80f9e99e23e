-- Without CTEs and barrier on purpose: PostgreSQL plans such a view apart from the query over it, and would sort the
-- whole aggregate where its index gives the order. It hides no row, so there is nothing that a barrier would keep.
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
    (total_spent / nullif(sales, 0))::numeric(16, 2) as average_basket,
    first_purchase_at,
    last_purchase_at
from {{ ref('int_members__summed') }}
