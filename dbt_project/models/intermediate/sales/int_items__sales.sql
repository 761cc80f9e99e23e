{{
    config(
        unique_key='item_id',
        indexes=[{'columns': ['item_id'], 'unique': true}, {'columns': ['items_sold']}],
    )
}}

with

items as (
    select * from {{ ref('stg_assessment__items') }}
),

transactions as (
    select * from {{ ref('stg_assessment__transactions') }}
),

transaction_items as (
    select * from {{ ref('stg_assessment__transaction_items') }}
),

sales as (
    select
        transaction_items.item_id,
        count(*) as sales,
        count(distinct transactions.member_id) as members,
        sum(transaction_items.quantity) as items_sold,
        min(transactions.transaction_at) as first_sold_at,
        max(transactions.transaction_at) as last_sold_at
    from transaction_items
    inner join transactions on transaction_items.transaction_id = transactions.transaction_id
    where transactions.is_sale
    group by transaction_items.item_id
),

final as (
    select
        items.item_id,
        items.item_name,
        items.manufacturer_name,
        items.cost,
        items.weight_kg,
        items.retired_at,
        coalesce(sales.sales, 0) as sales,
        coalesce(sales.members, 0) as members,
        coalesce(sales.items_sold, 0) as items_sold,
        sales.first_sold_at,
        sales.last_sold_at
    from items
    left join sales on items.item_id = sales.item_id
)

select * from final
