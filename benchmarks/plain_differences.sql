-- In how many rows each view of analysts differs from the plain view over the base tables: none, when all is right.
with

members as (
    select
        member_id,
        first_name,
        last_name,
        membership_status,
        completed_transactions,
        pending_transactions,
        cancelled_transactions,
        items,
        total_spent,
        total_weight_kg,
        average_basket,
        first_purchase_at,
        last_purchase_at
    from analytics.view_member_sales_summary
),

items as (
    select
        item_id,
        item_name,
        manufacturer_name,
        cost,
        weight_kg,
        retired_at,
        transactions,
        items_sold,
        total_sales,
        items_without_price,
        first_sold_at,
        last_sold_at
    from analytics.view_item_sales_summary
),

days as (
    select
        transaction_on,
        completed_transactions,
        pending_transactions,
        cancelled_transactions,
        items,
        total_sales,
        total_weight_kg,
        average_basket
    from analytics.view_daily_sales
),

different_members as (
    (
        select * from members
        except all
        select * from plain.member_sales
    )
    union all
    (
        select * from plain.member_sales
        except all
        select * from members
    )
),

different_items as (
    (
        select * from items
        except all
        select * from plain.item_sales
    )
    union all
    (
        select * from plain.item_sales
        except all
        select * from items
    )
),

different_days as (
    (
        select * from days
        except all
        select * from plain.daily_sales
    )
    union all
    (
        select * from plain.daily_sales
        except all
        select * from days
    )
)

select
    (select count(*) from different_members) as members,
    (select count(*) from different_items) as items,
    (select count(*) from different_days) as days
