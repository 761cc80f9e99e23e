select
    transaction_on,
    completed_transactions,
    pending_transactions,
    cancelled_transactions,
    items,
    total_sales,
    total_weight_kg,
    (total_sales / nullif(completed_transactions + pending_transactions, 0))::numeric(30, 2) as average_basket
from {{ ref('int_days__summed') }}
where completed_transactions + pending_transactions + cancelled_transactions > 0
