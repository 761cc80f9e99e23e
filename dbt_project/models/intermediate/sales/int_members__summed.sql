{{
    config(
        unique_key='member_id',
        pre_hook=["{{ consume_changes('changed_member', 'member_id') }}", "{{ select_new_bookings() }}"],
        incremental_predicates=['kept.member_id in (select member_id from changed_member_consumed)'],
        indexes=[{'columns': ['member_id'], 'unique': true}, {'columns': ['total_spent']}],
    )
}}

with

bookings as (
    select * from {{ 'new_bookings' if is_incremental() else ref('int_sales__booked') }}
    where member_id is not null
),

changes as (
    select
        member_id,
        sum(transactions) filter (where transaction_status = 'COMPLETED') as completed_transactions,
        sum(transactions) filter (where transaction_status = 'PENDING') as pending_transactions,
        sum(transactions) filter (where transaction_status = 'CANCELLED') as cancelled_transactions,
        sum(transactions) filter (where is_sale) as sales,
        sum(items) filter (where is_sale) as items,
        sum(total_price) filter (where is_sale) as total_spent,
        sum(total_weight_kg) filter (where is_sale) as total_weight_kg,
        min(transaction_at) filter (where is_sale and transactions > 0) as first_gained_at,
        max(transaction_at) filter (where is_sale and transactions > 0) as last_gained_at,
        min(transaction_at) filter (where is_sale and transactions < 0) as first_lost_at,
        max(transaction_at) filter (where is_sale and transactions < 0) as last_lost_at
    from bookings
    group by member_id
),

{% if is_incremental() %}
previous as (
    select * from {{ this }}
    where
        member_id in (
            select changed_member_consumed.member_id from changed_member_consumed
            union
            select changes.member_id from changes
        )
),
{% else %}
previous as (
    select
        null::text as member_id,
        null::bigint as completed_transactions,
        null::bigint as pending_transactions,
        null::bigint as cancelled_transactions,
        null::bigint as sales,
        null::bigint as items,
        null::numeric as total_spent,
        null::numeric as total_weight_kg,
        null::timestamptz as first_purchase_at,
        null::timestamptz as last_purchase_at
    where false
),
{% endif %}

-- Members whose first or last purchase was reversed: the new one is looked up among all their bookings.
to_look_up as (
    select changes.member_id
    from changes
    left join previous on changes.member_id = previous.member_id
    where
        changes.first_lost_at <= coalesce(previous.first_purchase_at, 'infinity')
        or changes.last_lost_at >= coalesce(previous.last_purchase_at, '-infinity')
),

looked_up as (
    {{ first_and_last_sale('member_id', 'first_purchase_at', 'last_purchase_at') }}
),

members as (
    select * from {{ ref('stg_assessment__members') }}
    {% if is_incremental() %}
    where
        member_id in (
            select changed_member_consumed.member_id from changed_member_consumed
            union
            select changes.member_id from changes
        )
    {% endif %}
),

final as (
    select
        members.member_id,
        members.first_name,
        members.last_name,
        members.membership_status,
        members.is_above_18,
        {% for sum in ['completed_transactions', 'pending_transactions', 'cancelled_transactions', 'sales', 'items'] %}
        (coalesce(previous.{{ sum }}, 0) + coalesce(changes.{{ sum }}, 0))::bigint as {{ sum }},
        {% endfor %}
        {% for sum in ['total_spent', 'total_weight_kg'] %}
        (coalesce(previous.{{ sum }}, 0) + coalesce(changes.{{ sum }}, 0))::numeric(30, 2) as {{ sum }},
        {% endfor %}
        case
            when looked_up.member_id is null then least(previous.first_purchase_at, changes.first_gained_at)
            else looked_up.first_purchase_at
        end as first_purchase_at,
        case
            when looked_up.member_id is null then greatest(previous.last_purchase_at, changes.last_gained_at)
            else looked_up.last_purchase_at
        end as last_purchase_at
    from members
    left join previous on members.member_id = previous.member_id
    left join changes on members.member_id = changes.member_id
    left join looked_up on members.member_id = looked_up.member_id
)

select * from final
