-- An item whose own change or whose transactions wait in a queue is not up to date yet.
with

bookings as (
    select *
    from {{ ref('int_sales__booked') }}
    where
        item_id is not null
        and is_sale
        and batch <= {{ last_batch('int_items__summed') }}
),

sums as (
    select
        item_id,
        sum(transactions) as sales,
        sum(items) as items_sold,
        sum(total_price) as total_sales,
        sum(items) filter (where total_price is null) as items_without_price
    from bookings
    group by item_id
),

ends as (
    select
        item_id,
        min(transaction_at) as first_sold_at,
        max(transaction_at) as last_sold_at
    from (
        select
            item_id,
            transaction_at
        from bookings
        group by item_id, transaction_id, transaction_at
        having sum(transactions) > 0
    ) as sales
    group by item_id
),

expected as (
    select
        items.item_id,
        items.item_name,
        items.manufacturer_name,
        items.cost,
        items.weight_kg,
        items.retired_at,
        coalesce(sums.sales, 0) as sales,
        coalesce(sums.items_sold, 0) as items_sold,
        coalesce(sums.total_sales, 0) as total_sales,
        coalesce(sums.items_without_price, 0) as items_without_price,
        ends.first_sold_at,
        ends.last_sold_at
    from {{ ref('stg_assessment__items') }} as items
    left join sums on items.item_id = sums.item_id
    left join ends on items.item_id = ends.item_id
),

summed as (
    select
        item_id,
        item_name,
        manufacturer_name,
        cost,
        weight_kg,
        retired_at,
        sales,
        items_sold,
        total_sales,
        items_without_price,
        first_sold_at,
        last_sold_at
    from {{ ref('int_items__summed') }}
),

differences as (
    {{ differing_rows('expected', 'summed') }}
),

waiting as (
    select item_id from change_queue.changed_item
    union
    select booked.item_id
    from {{ ref('int_sales__booked') }} as booked
    inner join change_queue.changed_transaction as queued on booked.transaction_id = queued.transaction_id
    where booked.item_id is not null
)

select distinct item_id
from differences
where item_id not in (select waiting.item_id from waiting)
