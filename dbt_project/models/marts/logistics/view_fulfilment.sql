with

transactions as (
    select * from {{ ref('stg_assessment__transactions') }}
),

members as (
    select * from {{ ref('stg_assessment__members') }}
),

transaction_items as (
    select * from {{ ref('stg_assessment__transaction_items') }}
),

final as (
    select
        transactions.transaction_id,
        transactions.transaction_at,
        floor(extract(epoch from now() - transactions.transaction_at) / 86400)::integer as days_open,
        transactions.member_id,
        members.first_name,
        members.last_name,
        members.membership_status,
        baskets.different_items,
        baskets.items,
        transactions.total_weight_kg,
        transactions.total_price
    from transactions
    inner join members on transactions.member_id = members.member_id
    cross join
        lateral (
            select
                count(*) as different_items,
                coalesce(sum(transaction_items.quantity), 0)::bigint as items
            from transaction_items
            where transaction_items.transaction_id = transactions.transaction_id
        ) as baskets
    where transactions.transaction_status = 'PENDING'
    order by transactions.transaction_at, transactions.transaction_id
)

select * from final
