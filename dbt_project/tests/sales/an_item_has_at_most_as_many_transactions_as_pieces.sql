select
    item_id,
    transactions,
    items_sold
from {{ ref('view_item_sales_summary') }}
where
    transactions < 0
    or not transactions <= items_sold
    or (transactions > 0) <> (first_sold_at is not null)
    or first_sold_at > last_sold_at
