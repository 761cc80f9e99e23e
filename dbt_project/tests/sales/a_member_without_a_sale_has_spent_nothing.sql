select
    member_id,
    items,
    total_spent
from {{ ref('view_member_sales_summary') }}
where
    completed_transactions + pending_transactions = 0
    and (items <> 0 or total_spent <> 0 or total_weight_kg <> 0)
