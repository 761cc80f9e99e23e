{{
    config(
        unique_key='member_id',
        indexes=[{'columns': ['member_id'], 'unique': true}, {'columns': ['total_spent']}],
    )
}}

with

members as (
    select * from {{ ref('stg_assessment__members') }}
),

transactions as (
    select * from {{ ref('stg_assessment__transactions') }}
),

transaction_items as (
    select * from {{ ref('stg_assessment__transaction_items') }}
),

baskets as (
    select
        transaction_id,
        sum(quantity) as items
    from transaction_items
    group by transaction_id
),

purchases as (
    select
        transactions.member_id,
        count(*) filter (where transactions.transaction_status = 'COMPLETED') as completed_transactions,
        count(*) filter (where transactions.transaction_status = 'PENDING') as pending_transactions,
        count(*) filter (where transactions.transaction_status = 'CANCELLED') as cancelled_transactions,
        count(*) filter (where transactions.is_sale) as sales,
        sum(baskets.items) filter (where transactions.is_sale) as items,
        sum(transactions.total_price) filter (where transactions.is_sale) as total_spent,
        sum(transactions.total_weight_kg) filter (where transactions.is_sale) as total_weight_kg,
        min(transactions.transaction_at) filter (where transactions.is_sale) as first_purchase_at,
        max(transactions.transaction_at) filter (where transactions.is_sale) as last_purchase_at
    from transactions
    left join baskets on transactions.transaction_id = baskets.transaction_id
    group by transactions.member_id
),

final as (
    select
        members.member_id,
        members.first_name,
        members.last_name,
        members.membership_status,
        coalesce(purchases.completed_transactions, 0) as completed_transactions,
        coalesce(purchases.pending_transactions, 0) as pending_transactions,
        coalesce(purchases.cancelled_transactions, 0) as cancelled_transactions,
        coalesce(purchases.sales, 0) as sales,
        coalesce(purchases.items, 0)::bigint as items,
        coalesce(purchases.total_spent, 0)::numeric(16, 2) as total_spent,
        coalesce(purchases.total_weight_kg, 0)::numeric(16, 2) as total_weight_kg,
        purchases.first_purchase_at,
        purchases.last_purchase_at
    from members
    left join purchases on members.member_id = purchases.member_id
)

select * from final
