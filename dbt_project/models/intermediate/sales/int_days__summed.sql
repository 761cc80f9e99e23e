{{
    config(
        unique_key='transaction_on',
        pre_hook="{{ select_new_bookings() }}",
        indexes=[{'columns': ['transaction_on'], 'unique': true}],
    )
}}

with

bookings as (
    select
        *,
        (transaction_at at time zone 'UTC')::date as transaction_on
    {% if is_incremental() %}
    from {{ new_bookings() }}
    where item_id is null
    {% else %}
    from {{ ref('int_sales__booked') }}
    where item_id is null and batch <= {{ last_batch('int_days__summed') }}
    {% endif %}
),

changes as (
    select
        transaction_on,
        sum(transactions) filter (where transaction_status = 'COMPLETED') as completed_transactions,
        sum(transactions) filter (where transaction_status = 'PENDING') as pending_transactions,
        sum(transactions) filter (where transaction_status = 'CANCELLED') as cancelled_transactions,
        sum(items) filter (where is_sale) as items,
        sum(total_price) filter (where is_sale) as total_sales,
        sum(total_weight_kg) filter (where is_sale) as total_weight_kg
    from bookings
    group by transaction_on
),

{% if is_incremental() %}
previous as (
    select * from {{ this }}
),
{% else %}
previous as (
    select
        null::date as transaction_on,
        null::bigint as completed_transactions,
        null::bigint as pending_transactions,
        null::bigint as cancelled_transactions,
        null::bigint as items,
        null::numeric as total_sales,
        null::numeric as total_weight_kg
    where false
),
{% endif %}

final as (
    select
        changes.transaction_on,
        (
            coalesce(previous.completed_transactions, 0) + coalesce(changes.completed_transactions, 0)
        )::bigint as completed_transactions,
        (
            coalesce(previous.pending_transactions, 0) + coalesce(changes.pending_transactions, 0)
        )::bigint as pending_transactions,
        (
            coalesce(previous.cancelled_transactions, 0) + coalesce(changes.cancelled_transactions, 0)
        )::bigint as cancelled_transactions,
        (coalesce(previous.items, 0) + coalesce(changes.items, 0))::bigint as items,
        (coalesce(previous.total_sales, 0) + coalesce(changes.total_sales, 0))::numeric(30, 2) as total_sales,
        (
            coalesce(previous.total_weight_kg, 0) + coalesce(changes.total_weight_kg, 0)
        )::numeric(30, 2) as total_weight_kg
    from changes
    left join previous on changes.transaction_on = previous.transaction_on
)

select * from final
