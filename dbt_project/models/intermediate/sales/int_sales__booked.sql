{{
    config(
        pre_hook="{{ consume_changes('changed_transaction', 'transaction_id') }}",
        indexes=[
            {'columns': ['transaction_id']},
            {'columns': ['member_id']},
            {'columns': ['item_id']},
            {'columns': ['batch']},
        ],
    )
}}

with

transactions as (
    select * from {{ ref('stg_assessment__transactions') }}
    {% if is_incremental() %}
    where transaction_id in (select consumed.transaction_id from {{ consumed('changed_transaction') }} as consumed)
    {% endif %}
),

transaction_items as (
    select * from {{ ref('stg_assessment__transaction_items') }}
    {% if is_incremental() %}
    where transaction_id in (select consumed.transaction_id from {{ consumed('changed_transaction') }} as consumed)
    {% endif %}
),

baskets as (
    select
        transaction_id,
        sum(quantity) as items
    from transaction_items
    group by transaction_id
),

fresh as (
    select
        transactions.transaction_id,
        null::bigint as item_id,
        transactions.member_id,
        transactions.transaction_at,
        transactions.transaction_status,
        1::bigint as transactions,
        coalesce(baskets.items, 0)::bigint as items,
        transactions.total_price::numeric(30, 2) as total_price,
        transactions.total_weight_kg::numeric(30, 2) as total_weight_kg
    from transactions
    left join baskets on transactions.transaction_id = baskets.transaction_id
    union all
    select
        transactions.transaction_id,
        transaction_items.item_id,
        null::text as member_id,
        transactions.transaction_at,
        transactions.transaction_status,
        1::bigint as transactions,
        transaction_items.quantity::bigint as items,
        (transaction_items.quantity * transaction_items.unit_price)::numeric(30, 2) as total_price,
        null::numeric(30, 2) as total_weight_kg
    from transaction_items
    inner join transactions on transaction_items.transaction_id = transactions.transaction_id
),

{% if is_built() %}
reversed as (
    select
        transaction_id,
        item_id,
        member_id,
        transaction_at,
        transaction_status,
        -transactions as transactions,
        -items as items,
        -total_price as total_price,
        -total_weight_kg as total_weight_kg
    from {{ this }}
    {% if is_incremental() %}
    where transaction_id in (select consumed.transaction_id from {{ consumed('changed_transaction') }} as consumed)
    {% endif %}
),

differences as (
    select
        transaction_id,
        item_id,
        member_id,
        transaction_at,
        transaction_status,
        sum(transactions)::bigint as transactions,
        sum(items)::bigint as items,
        sum(total_price)::numeric(30, 2) as total_price,
        sum(total_weight_kg)::numeric(30, 2) as total_weight_kg
    from (
        select * from fresh
        union all
        select * from reversed
    ) as booked
    -- A price that becomes known or unknown is a reversal and a new booking, so that pieces without a price can be counted.
    group by transaction_id, item_id, member_id, transaction_at, transaction_status, total_price is null
),
{% endif %}

final as (
    select
        (select nextval('change_queue.booking_batch')) as batch,
        transaction_id,
        item_id,
        member_id,
        transaction_at,
        transaction_status,
        transaction_status <> 'CANCELLED' as is_sale,
        transactions,
        items,
        total_price,
        total_weight_kg
    {% if is_built() %}
    from differences
    where transactions <> 0 or items <> 0 or total_price <> 0 or total_weight_kg <> 0
    {% else %}
    from fresh
    {% endif %}
)

select * from final
