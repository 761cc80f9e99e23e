select
    item_id,
    members,
    transactions,
    items_sold
from {{ ref('view_item_sales_summary') }}
where not members <= transactions or not transactions <= items_sold
