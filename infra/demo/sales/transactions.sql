-- One batch of transactions with their lines, drawn from the places that catalogue.sql made; later batches are of later
-- days. Numbers go on from the last transaction's.
with

-- Asked once, and not by the default of every row.
writer as materialized (
    select "ASSESSMENT".acting_person() as person_id
),

numbered as materialized (
    select
        nextval(
            (select pg_get_serial_sequence('"ASSESSMENT"."TB_TRANSACTION"', 'TRANSACTION_ID_NO')::regclass)
        ) as transaction_id,
        progress
    from generate_series(
        current_setting('darkroom.seed_done')::bigint,
        current_setting('darkroom.seed_done')::bigint + current_setting('darkroom.seed_batch')::bigint - 1
    ) as numbers (progress)
),

-- Recent days are busier, a few members are in demand far more than the rest, and their last tenth has not bought yet.
drawn as (
    select
        transaction_id,
        1 + floor(
            (select max(member_place.place) * 0.9 from member_place) * power(pg_temp.chance(transaction_id, 'who'), 1.7)
        )::bigint as member_place,
        1 + floor(6 * power(pg_temp.chance(transaction_id, 'lines'), 1.4))::integer as lines,
        floor(
            current_setting('darkroom.seed_days')::bigint * (
                1 - sqrt(
                    (progress + pg_temp.chance(transaction_id, 'day'))
                    / current_setting('darkroom.seed_transactions')::double precision
                )
            )
        )::integer as age_days,
        pg_temp.chance(transaction_id, 'evening') as evening_chance,
        pg_temp.chance(transaction_id, 'hour') + pg_temp.chance(transaction_id, 'minute') as hour_chance,
        pg_temp.chance(transaction_id, 'status') as status_chance,
        pg_temp.chance(transaction_id, 'late') as late_chance,
        pg_temp.chance(transaction_id, 'rebate') as rebate_chance
    from numbered
),

-- Evenings are busy. What would fall into the rest of today falls into the last six hours instead.
timed as (
    select
        drawn.*,
        date_trunc('day', now(), 'UTC') - make_interval(days => drawn.age_days) + make_interval(
            secs => 3600 * case
                when drawn.evening_chance < 0.6 then 17 + 3 * drawn.hour_chance
                else 7 + 8 * drawn.hour_chance
            end
        ) as planned_at
    from drawn
),

purchases as materialized (
    select
        timed.*,
        member_place.member_id,
        case
            when timed.planned_at < now() then timed.planned_at
            else now() - make_interval(secs => 21600 * timed.late_chance)
        end as transaction_at
    from timed
    inner join member_place on timed.member_place = member_place.place
),

candidates as (
    select
        purchases.transaction_id,
        purchases.transaction_at,
        1 + floor(
            (select max(item_place.place) from item_place)
            * power(pg_temp.chance(8 * purchases.transaction_id + numbers.line_no, 'item'), 2)
        )::bigint as place,
        1 + floor(
            4 * power(pg_temp.chance(8 * purchases.transaction_id + numbers.line_no, 'quantity'), 2.5)
        )::integer as quantity
    from purchases
    cross join lateral generate_series(1, purchases.lines) as numbers (line_no)
),

lines as materialized (
    select
        candidates.transaction_id,
        item_place.item_id,
        item_place.cost,
        item_place.weight_kg,
        sum(candidates.quantity)::integer as quantity
    from candidates
    inner join item_place
        on
            candidates.place = item_place.place
            and candidates.transaction_at >= item_place.sold_from
            and candidates.transaction_at < item_place.sold_until
    group by candidates.transaction_id, item_place.item_id, item_place.cost, item_place.weight_kg
),

totals as (
    select
        transaction_id,
        sum(quantity * cost) as total_price,
        sum(quantity * weight_kg) as total_weight_kg
    from lines
    group by transaction_id
),

-- One total in two thousand is not the sum of its lines, as in real data.
bought as (
    insert into "ASSESSMENT"."TB_TRANSACTION" (
        "TRANSACTION_ID_NO", "MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG", "TRANSACTION_DTTM", "STATUS_CD",
        "CREATED_BY_ID_NO", "UPDATED_BY_ID_NO"
    )
    overriding system value
    select
        purchases.transaction_id,
        purchases.member_id,
        case
            when purchases.rebate_chance < 0.0005 then round(totals.total_price * 0.95, 2)
            else totals.total_price
        end as total_price,
        totals.total_weight_kg,
        purchases.transaction_at,
        case
            when purchases.status_chance < 0.06 then 'CANCELLED'
            when purchases.age_days < 5 and purchases.status_chance < 0.55 then 'PENDING'
            when purchases.status_chance < 0.065 then 'PENDING'
            else 'COMPLETED'
        end as transaction_status,
        (select writer.person_id from writer) as created_by,
        (select writer.person_id from writer) as updated_by
    from purchases
    inner join totals on purchases.transaction_id = totals.transaction_id
    order by purchases.transaction_id
)

insert into "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" (
    "TRANSACTION_ID_NO", "ITEM_ID_NO", "QUANTITY_NO", "UNIT_PRICE_NO", "CREATED_BY_ID_NO", "UPDATED_BY_ID_NO"
)
select
    transaction_id,
    item_id,
    quantity,
    cost,
    (select writer.person_id from writer) as created_by,
    (select writer.person_id from writer) as updated_by
from lines
order by transaction_id, item_id;
