select
    member_id,
    first_purchase_at,
    last_purchase_at
from {{ ref('view_member_sales_summary') }}
where
    (first_purchase_at is not null) <> (completed_transactions + pending_transactions > 0)
    or (average_basket is not null) <> (completed_transactions + pending_transactions > 0)
    or first_purchase_at > last_purchase_at
