select
    member_id,
    average_basket,
    total_spent
from {{ ref('view_member_sales_summary') }}
where
    abs(average_basket * (completed_transactions + pending_transactions) - total_spent)
    > 0.005 * (completed_transactions + pending_transactions)
