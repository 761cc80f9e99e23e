select
    transaction_on,
    average_basket,
    total_sales
from {{ ref('view_daily_sales') }}
where
    abs(average_basket * (completed_transactions + pending_transactions) - total_sales)
    > 0.005 * (completed_transactions + pending_transactions)
