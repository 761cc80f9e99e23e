select
    (select sum(members) from {{ ref('view_membership_status') }}) as members_by_status,
    (select count(*) from {{ ref('view_member_sales_summary') }}) as members
where
    (select sum(members) from {{ ref('view_membership_status') }})
    <> (select count(*) from {{ ref('view_member_sales_summary') }})
