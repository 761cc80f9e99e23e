-- Rows that were loaded past the triggers are found here. A transaction that waits in the queue is not booked yet.
with

expected as (
    select
        transactions.transaction_id,
        null::bigint as item_id,
        transactions.member_id,
        transactions.transaction_at,
        transactions.transaction_status,
        1 as transactions,
        coalesce((
            select sum(lines.quantity)
            from {{ ref('stg_assessment__transaction_items') }} as lines
            where lines.transaction_id = transactions.transaction_id
        ), 0) as items,
        transactions.total_price,
        transactions.total_weight_kg
    from {{ ref('stg_assessment__transactions') }} as transactions
    union all
    select
        lines.transaction_id,
        lines.item_id,
        null as member_id,
        transactions.transaction_at,
        transactions.transaction_status,
        1 as transactions,
        lines.quantity as items,
        lines.quantity * lines.unit_price as total_price,
        null as total_weight_kg
    from {{ ref('stg_assessment__transaction_items') }} as lines
    inner join {{ ref('stg_assessment__transactions') }} as transactions
        on lines.transaction_id = transactions.transaction_id
),

booked as (
    select
        transaction_id,
        item_id,
        member_id,
        transaction_at,
        transaction_status,
        sum(transactions) as transactions,
        sum(items) as items,
        sum(total_price) as total_price,
        sum(total_weight_kg) as total_weight_kg
    from {{ ref('int_sales__booked') }}
    group by transaction_id, item_id, member_id, transaction_at, transaction_status, total_price is null
    having sum(transactions) <> 0 or sum(items) <> 0 or sum(total_price) <> 0 or sum(total_weight_kg) <> 0
),

differences as (
    {{ differing_rows('expected', 'booked') }}
)

select distinct transaction_id
from differences
where transaction_id not in (select queued.transaction_id from change_queue.changed_transaction as queued)
