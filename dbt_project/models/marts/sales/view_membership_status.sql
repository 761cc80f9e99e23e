with

-- Named columns, not `*`: a column that makes place for another must not be read by a new view.
members as (
    select
        member_id,
        membership_status,
        is_above_18,
        sales,
        total_spent,
        last_purchase_at
    from {{ ref('int_members__summed') }}
),

statuses (membership_status) as (
    values ('ACTIVE'), ('SUSPENDED'), ('CLOSED')
),

final as (
    select
        statuses.membership_status,
        count(members.member_id) as members,
        count(members.member_id) filter (where members.is_above_18) as members_above_18,
        count(members.member_id) filter (where members.sales > 0) as buying_members,
        coalesce(sum(members.total_spent), 0)::numeric(30, 2) as total_spent,
        (
            sum(members.total_spent) / nullif(count(members.member_id) filter (where members.sales > 0), 0)
        )::numeric(30, 2) as average_spent,
        max(members.last_purchase_at) as last_purchase_at
    from statuses
    left join members on statuses.membership_status = members.membership_status
    group by statuses.membership_status
)

select * from final
