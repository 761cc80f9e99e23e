-- A member whose own change or whose transactions wait in a queue is not up to date yet.
with

bookings as (
    select *
    from {{ ref('int_sales__booked') }}
    where
        member_id is not null
        and batch <= {{ last_batch('int_members__summed') }}
),

sums as (
    select
        member_id,
        sum(transactions) filter (where transaction_status = 'COMPLETED') as completed_transactions,
        sum(transactions) filter (where transaction_status = 'PENDING') as pending_transactions,
        sum(transactions) filter (where transaction_status = 'CANCELLED') as cancelled_transactions,
        sum(transactions) filter (where is_sale) as sales,
        sum(items) filter (where is_sale) as items,
        sum(total_price) filter (where is_sale) as total_spent,
        sum(total_weight_kg) filter (where is_sale) as total_weight_kg
    from bookings
    group by member_id
),

ends as (
    select
        member_id,
        min(transaction_at) as first_purchase_at,
        max(transaction_at) as last_purchase_at
    from (
        select
            member_id,
            transaction_at
        from bookings
        where is_sale
        group by member_id, transaction_id, transaction_at
        having sum(transactions) > 0
    ) as purchases
    group by member_id
),

expected as (
    select
        members.member_id,
        members.first_name,
        members.last_name,
        members.membership_status,
        members.is_above_18,
        {% for sum in ['completed_transactions', 'pending_transactions', 'cancelled_transactions', 'sales', 'items', 'total_spent', 'total_weight_kg'] -%}
        coalesce(sums.{{ sum }}, 0) as {{ sum }},
        {% endfor -%}
        ends.first_purchase_at,
        ends.last_purchase_at
    from {{ ref('stg_assessment__members') }} as members
    left join sums on members.member_id = sums.member_id
    left join ends on members.member_id = ends.member_id
),

summed as (
    select
        member_id,
        first_name,
        last_name,
        membership_status,
        is_above_18,
        completed_transactions,
        pending_transactions,
        cancelled_transactions,
        sales,
        items,
        total_spent,
        total_weight_kg,
        first_purchase_at,
        last_purchase_at
    from {{ ref('int_members__summed') }}
),

differences as (
    {{ differing_rows('expected', 'summed') }}
),

waiting as (
    select member_id from change_queue.changed_member
    union
    select booked.member_id
    from {{ ref('int_sales__booked') }} as booked
    inner join change_queue.changed_transaction as queued on booked.transaction_id = queued.transaction_id
    where booked.member_id is not null
)

select distinct member_id
from differences
where member_id not in (select waiting.member_id from waiting)
