-- Without CTEs on purpose: PostgreSQL plans a view that has some apart from the query over it, and would sort the
-- whole aggregate where its index gives the order.
select
    transaction_on,
    completed_transactions,
    pending_transactions,
    cancelled_transactions,
    members,
    items,
    total_sales,
    total_weight_kg,
    (total_sales / nullif(sales, 0))::numeric(16, 2) as average_basket
from {{ ref('int_days__sales') }}
