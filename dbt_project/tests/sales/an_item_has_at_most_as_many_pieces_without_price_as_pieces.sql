select
    item_id,
    items_sold,
    items_without_price
from {{ ref('view_item_sales_summary') }}
where items_without_price not between 0 and items_sold
