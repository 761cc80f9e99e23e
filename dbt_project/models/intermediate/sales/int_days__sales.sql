{{
    config(
        unique_key='transaction_on',
        indexes=[{'columns': ['transaction_on'], 'unique': true}],
    )
}}

with

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

final as (
    select
        transactions.transaction_on,
        count(*) filter (where transactions.transaction_status = 'COMPLETED') as completed_transactions,
        count(*) filter (where transactions.transaction_status = 'PENDING') as pending_transactions,
        count(*) filter (where transactions.transaction_status = 'CANCELLED') as cancelled_transactions,
        count(*) filter (where transactions.is_sale) as sales,
        count(distinct transactions.member_id) filter (where transactions.is_sale) as members,
        coalesce(sum(baskets.items) filter (where transactions.is_sale), 0)::bigint as items,
        coalesce(sum(transactions.total_price) filter (where transactions.is_sale), 0)::numeric(16, 2) as total_sales,
        coalesce(
            sum(transactions.total_weight_kg) filter (where transactions.is_sale), 0
        )::numeric(16, 2) as total_weight_kg
    from transactions
    left join baskets on transactions.transaction_id = baskets.transaction_id
    group by transactions.transaction_on
)

select * from final
