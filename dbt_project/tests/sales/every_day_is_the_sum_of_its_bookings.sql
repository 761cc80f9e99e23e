with

expected as (
    select
        (transaction_at at time zone 'UTC')::date as transaction_on,
        coalesce(sum(transactions) filter (where transaction_status = 'COMPLETED'), 0) as completed_transactions,
        coalesce(sum(transactions) filter (where transaction_status = 'PENDING'), 0) as pending_transactions,
        coalesce(sum(transactions) filter (where transaction_status = 'CANCELLED'), 0) as cancelled_transactions,
        coalesce(sum(items) filter (where is_sale), 0) as items,
        coalesce(sum(total_price) filter (where is_sale), 0) as total_sales,
        coalesce(sum(total_weight_kg) filter (where is_sale), 0) as total_weight_kg
    from {{ ref('int_sales__booked') }}
    where
        item_id is null
        and batch <= {{ last_batch('int_days__summed') }}
    group by (transaction_at at time zone 'UTC')::date
),

summed as (
    select
        transaction_on,
        completed_transactions,
        pending_transactions,
        cancelled_transactions,
        items,
        total_sales,
        total_weight_kg
    from {{ ref('int_days__summed') }}
),

differences as (
    {{ differing_rows('expected', 'summed') }}
)

select distinct transaction_on
from differences
