{{
    config(
        unique_key='member_id',
        pre_hook=["{{ consume_changes('changed_member', 'member_id') }}", "{{ select_new_bookings() }}"],
        incremental_predicates=[
            'kept.member_id in (select member_id from changed_member_consumed union select member_id from new_bookings)'
        ],
        indexes=[{'columns': ['member_id'], 'unique': true}, {'columns': ['total_spent']}],
    )
}}

with

{% if is_incremental() %}
keys as (
    select consumed.member_id from {{ consumed('changed_member') }} as consumed
    union
    select new.member_id from {{ new_bookings() }} as new
    where new.member_id is not null
),

previous as (
    select * from {{ this }}
    where member_id in (select keys.member_id from keys)
),

bookings as (
    select new.* from {{ new_bookings() }} as new
    where new.member_id in (select previous.member_id from previous)
    union all
    -- Without a row here, everything is summed up: the member may have been deleted and made again during a build.
    select * from {{ ref('int_sales__booked') }}
    where
        member_id in (select keys.member_id from keys)
        and member_id not in (select previous.member_id from previous)
        and batch <= {{ last_batch('int_members__summed') }}
),
{% else %}
previous as (
    select
        null::text as member_id,
        null::text as first_name,
        null::text as last_name,
        null::text as membership_status,
        null::boolean as is_above_18,
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

bookings as (
    select * from {{ ref('int_sales__booked') }}
    where member_id is not null and batch <= {{ last_batch('int_members__summed') }}
),
{% endif %}

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
    where member_id in (select keys.member_id from keys)
    {% endif %}
),

summed as (
    select
        members.member_id is not null as is_there,
        coalesce(members.member_id, previous.member_id) as member_id,
        coalesce(members.first_name, previous.first_name) as first_name,
        coalesce(members.last_name, previous.last_name) as last_name,
        coalesce(members.membership_status, previous.membership_status) as membership_status,
        coalesce(members.is_above_18, previous.is_above_18) as is_above_18,
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
    full join previous on members.member_id = previous.member_id
    left join changes on coalesce(members.member_id, previous.member_id) = changes.member_id
    left join looked_up on coalesce(members.member_id, previous.member_id) = looked_up.member_id
),

-- A member that was deleted after the bookings were made stays until the next build reverses them, so that all sums tell
-- of the same sales.
final as (
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
    from summed
    where is_there or completed_transactions + pending_transactions + cancelled_transactions > 0
)

select * from final
