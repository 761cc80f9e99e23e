-- Changes that an hour or a day brings, spread over the whole history: six in ten are new purchases, two are delivered or
-- cancelled, one has a corrected price, one was dated wrongly. How many is the setting darkroom.changes.
create temporary table drawn on commit drop as
with

bounds as (
    select max("TRANSACTION_ID_NO") as newest from "ASSESSMENT"."TB_TRANSACTION"
),

numbers as (
    select
        numbers.number,
        1 + floor(random() * bounds.newest)::bigint as transaction_id
    from generate_series(1, 2 * current_setting('darkroom.changes')::integer) as numbers (number)
    cross join bounds
)

select
    bought."TRANSACTION_ID_NO" as transaction_id,
    row_number() over (order by min(numbers.number)) as place
from numbers
inner join "ASSESSMENT"."TB_TRANSACTION" as bought on numbers.transaction_id = bought."TRANSACTION_ID_NO"
group by bought."TRANSACTION_ID_NO";

create temporary table copied on commit drop as
select
    transaction_id as old_id,
    nextval(pg_get_serial_sequence('"ASSESSMENT"."TB_TRANSACTION"', 'TRANSACTION_ID_NO')) as new_id
from drawn
where place <= 0.6 * current_setting('darkroom.changes')::integer;

insert into "ASSESSMENT"."TB_TRANSACTION" (
    "TRANSACTION_ID_NO", "MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG", "STATUS_CD"
)
overriding system value
select
    copied.new_id,
    bought."MEMBERSHIP_ID_TXT",
    bought."TOTAL_PRICE_NO",
    bought."TOTAL_WEIGHT_KG",
    'PENDING' as transaction_status
from copied
inner join "ASSESSMENT"."TB_TRANSACTION" as bought on copied.old_id = bought."TRANSACTION_ID_NO";

insert into "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" (
    "TRANSACTION_ID_NO", "ITEM_ID_NO", "QUANTITY_NO", "UNIT_PRICE_NO"
)
select
    copied.new_id,
    line."ITEM_ID_NO",
    line."QUANTITY_NO",
    line."UNIT_PRICE_NO"
from copied
inner join "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" as line on copied.old_id = line."TRANSACTION_ID_NO";

update "ASSESSMENT"."TB_TRANSACTION"
set "STATUS_CD" = case when "TRANSACTION_ID_NO" % 4 = 0 then 'CANCELLED' else 'COMPLETED' end
where
    "TRANSACTION_ID_NO" in (
        select "TRANSACTION_ID_NO"
        from "ASSESSMENT"."TB_TRANSACTION"
        where "STATUS_CD" = 'PENDING'
        order by "TRANSACTION_DTTM"
        limit 0.2 * current_setting('darkroom.changes')::integer
    );

update "ASSESSMENT"."TB_TRANSACTION"
set "TOTAL_PRICE_NO" = "TOTAL_PRICE_NO" + 1
where
    "TRANSACTION_ID_NO" in (
        select transaction_id
        from drawn
        where
            place > 0.6 * current_setting('darkroom.changes')::integer
            and place <= 0.7 * current_setting('darkroom.changes')::integer
    );

update "ASSESSMENT"."TB_TRANSACTION"
set "TRANSACTION_DTTM" = "TRANSACTION_DTTM" - interval '1 day'
where
    "TRANSACTION_ID_NO" in (
        select transaction_id
        from drawn
        where
            place > 0.7 * current_setting('darkroom.changes')::integer
            and place <= 0.8 * current_setting('darkroom.changes')::integer
    );
