with

transactions as (
    select * from {{ ref('stg_assessment__transactions') }}
),

transaction_items as (
    select * from {{ ref('stg_assessment__transaction_items') }}
),

items as (
    select * from {{ ref('stg_assessment__items') }}
),

-- A lateral query of a transaction's few lines instead of a join of all lines, so that a filter on transactions is fast.
final as (
    select
        transactions.transaction_id,
        transactions.member_id,
        transactions.transaction_at,
        transactions.transaction_status,
        transactions.total_price as stored_price,
        sums.items_price,
        (transactions.total_price - sums.items_price)::numeric(30, 2) as price_difference,
        transactions.total_weight_kg as stored_weight_kg,
        sums.items_weight_kg,
        (transactions.total_weight_kg - sums.items_weight_kg)::numeric(30, 2) as weight_difference_kg
    from transactions
    cross join
        lateral (
            select
                coalesce(
                    sum(transaction_items.quantity * coalesce(transaction_items.unit_price, items.cost)), 0
                )::numeric(30, 2) as items_price,
                coalesce(sum(transaction_items.quantity * items.weight_kg), 0)::numeric(30, 2) as items_weight_kg
            from transaction_items
            inner join items on transaction_items.item_id = items.item_id
            where transaction_items.transaction_id = transactions.transaction_id
        ) as sums
    where (transactions.total_price, transactions.total_weight_kg) <> (sums.items_price, sums.items_weight_kg)
)

select * from final
