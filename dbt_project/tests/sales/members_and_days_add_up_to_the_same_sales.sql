-- Both aggregates sum up one sales book; the job that checks this never runs during a build.
with

members as (
    select
        sum(completed_transactions) as completed_transactions,
        sum(pending_transactions) as pending_transactions,
        sum(cancelled_transactions) as cancelled_transactions,
        sum(items) as items,
        sum(total_spent) as total_sales,
        sum(total_weight_kg) as total_weight_kg
    from {{ ref('view_member_sales_summary') }}
),

days as (
    select
        sum(completed_transactions) as completed_transactions,
        sum(pending_transactions) as pending_transactions,
        sum(cancelled_transactions) as cancelled_transactions,
        sum(items) as items,
        sum(total_sales) as total_sales,
        sum(total_weight_kg) as total_weight_kg
    from {{ ref('view_daily_sales') }}
)

select
    members.total_sales as total_sales_of_members,
    days.total_sales as total_sales_of_days
from members
cross join days
where
    (
        members.completed_transactions,
        members.pending_transactions,
        members.cancelled_transactions,
        members.items,
        members.total_sales,
        members.total_weight_kg
    ) is distinct from (
        days.completed_transactions,
        days.pending_transactions,
        days.cancelled_transactions,
        days.items,
        days.total_sales,
        days.total_weight_kg
    )
