-- The same answers straight from the base tables: what the views would be without aggregates. The benchmark measures
-- against them, and a test holds the aggregates to them.
create schema if not exists plain;

create or replace view plain.member_sales as
with basket as (
    select
        "TRANSACTION_ID_NO",
        sum("QUANTITY_NO") as items
    from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
    group by "TRANSACTION_ID_NO"
)

select
    member."MEMBERSHIP_ID_TXT" as member_id,
    member."FIRST_NAME" as first_name,
    member."LAST_NAME" as last_name,
    member."STATUS_CD" as membership_status,
    count(*) filter (where bought."STATUS_CD" = 'COMPLETED') as completed_transactions,
    count(*) filter (where bought."STATUS_CD" = 'PENDING') as pending_transactions,
    count(*) filter (where bought."STATUS_CD" = 'CANCELLED') as cancelled_transactions,
    coalesce(sum(basket.items) filter (where bought."STATUS_CD" <> 'CANCELLED'), 0)::bigint as items,
    coalesce(sum(bought."TOTAL_PRICE_NO") filter (where bought."STATUS_CD" <> 'CANCELLED'), 0) as total_spent,
    coalesce(sum(bought."TOTAL_WEIGHT_KG") filter (where bought."STATUS_CD" <> 'CANCELLED'), 0) as total_weight_kg,
    round(avg(bought."TOTAL_PRICE_NO") filter (where bought."STATUS_CD" <> 'CANCELLED'), 2) as average_basket,
    min(bought."TRANSACTION_DTTM") filter (where bought."STATUS_CD" <> 'CANCELLED') as first_purchase_at,
    max(bought."TRANSACTION_DTTM") filter (where bought."STATUS_CD" <> 'CANCELLED') as last_purchase_at
from "ASSESSMENT"."TB_MEMBERSHIP" as member
left join "ASSESSMENT"."TB_TRANSACTION" as bought
    on member."MEMBERSHIP_ID_TXT" = bought."MEMBERSHIP_ID_TXT"
left join basket on bought."TRANSACTION_ID_NO" = basket."TRANSACTION_ID_NO"
group by member."MEMBERSHIP_ID_TXT";

create or replace view plain.item_sales as
select
    item."ITEM_ID_NO" as item_id,
    item."ITEM_NAME" as item_name,
    item."MANUFACTURER_NAME" as manufacturer_name,
    item."COST_NO" as cost,
    item."WEIGHT_KG" as weight_kg,
    item."DELETED_DTTM" as retired_at,
    count(bought."TRANSACTION_ID_NO") as transactions,
    coalesce(sum(line."QUANTITY_NO") filter (where bought."TRANSACTION_ID_NO" is not null), 0) as items_sold,
    coalesce(
        sum(line."QUANTITY_NO" * line."UNIT_PRICE_NO") filter (where bought."TRANSACTION_ID_NO" is not null), 0
    ) as total_sales,
    coalesce(
        sum(line."QUANTITY_NO") filter (
            where bought."TRANSACTION_ID_NO" is not null and line."UNIT_PRICE_NO" is null
        ), 0
    ) as items_without_price,
    min(bought."TRANSACTION_DTTM") as first_sold_at,
    max(bought."TRANSACTION_DTTM") as last_sold_at
from "ASSESSMENT"."TB_ITEM" as item
left join "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" as line on item."ITEM_ID_NO" = line."ITEM_ID_NO"
left join "ASSESSMENT"."TB_TRANSACTION" as bought
    on line."TRANSACTION_ID_NO" = bought."TRANSACTION_ID_NO" and bought."STATUS_CD" <> 'CANCELLED'
group by item."ITEM_ID_NO";

create or replace view plain.daily_sales as
with basket as (
    select
        "TRANSACTION_ID_NO",
        sum("QUANTITY_NO") as items
    from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
    group by "TRANSACTION_ID_NO"
)

select
    (bought."TRANSACTION_DTTM" at time zone 'UTC')::date as transaction_on,
    count(*) filter (where bought."STATUS_CD" = 'COMPLETED') as completed_transactions,
    count(*) filter (where bought."STATUS_CD" = 'PENDING') as pending_transactions,
    count(*) filter (where bought."STATUS_CD" = 'CANCELLED') as cancelled_transactions,
    coalesce(sum(basket.items) filter (where bought."STATUS_CD" <> 'CANCELLED'), 0)::bigint as items,
    coalesce(sum(bought."TOTAL_PRICE_NO") filter (where bought."STATUS_CD" <> 'CANCELLED'), 0) as total_sales,
    coalesce(sum(bought."TOTAL_WEIGHT_KG") filter (where bought."STATUS_CD" <> 'CANCELLED'), 0) as total_weight_kg,
    round(avg(bought."TOTAL_PRICE_NO") filter (where bought."STATUS_CD" <> 'CANCELLED'), 2) as average_basket
from "ASSESSMENT"."TB_TRANSACTION" as bought
left join basket on bought."TRANSACTION_ID_NO" = basket."TRANSACTION_ID_NO"
group by (bought."TRANSACTION_DTTM" at time zone 'UTC')::date;
