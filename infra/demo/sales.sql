-- Demonstration sales: 200 members and 60 items, once, and about 600 more transactions each time it runs.
-- Nothing is random: every choice is a hash of what it is for, and a run goes on from the last transaction's number.
-- All people are invented; addresses end in example.com, numbers come from a range reserved for fiction.
create or replace function pg_temp.chance(key text) returns double precision
language sql immutable as $$
    select ('x' || substr(md5(key), 1, 8))::bit(32)::bigint / 4294967296.0::double precision
$$;

create or replace function pg_temp.pick(choices text[], key text) returns text
language sql immutable as $$
    select choices[1 + floor(cardinality(choices) * pg_temp.chance(key))::integer]
$$;

with

people as (
    select
        member_no,
        pg_temp.pick(
            array[
                'Mei', 'Arjun', 'Siti', 'Daniel', 'Nurul', 'Wei', 'Priya', 'Marcus', 'Hana', 'Ravi', 'Chloe', 'Faiz',
                'Grace', 'Kenji', 'Lakshmi', 'Oliver', 'Xin Yi', 'Zara', 'Benjamin', 'Aisyah', 'Ethan', 'Jia Hui',
                'Samuel', 'Divya'
            ],
            'first' || member_no
        ) as first_name,
        pg_temp.pick(
            array[
                'Tan', 'Lim', 'Lee', 'Ng', 'Ong', 'Wong', 'Goh', 'Chua', 'Koh', 'Teo', 'Rahman', 'Ismail', 'Kumar',
                'Nair', 'Pillai', 'Menon', 'Fernandez', 'Pereira', 'Sato', 'Nguyen', 'Schmidt', 'Clarke'
            ],
            'last' || member_no
        ) as last_name,
        date '1950-01-01' + floor(365.25 * 55 * pg_temp.chance('birth' || member_no))::integer as birth_on,
        pg_temp.chance('member status' || member_no) as status_chance
    from generate_series(1, 200) as numbers (member_no)
)

insert into "ASSESSMENT"."TB_MEMBERSHIP" (
    "MEMBERSHIP_ID_TXT", "FIRST_NAME", "LAST_NAME", "EMAIL_ADDR", "MOBILE_NO", "BIRTH_DT", "ABOVE_18_IND", "STATUS_CD"
)
select
    lower(last_name) || '_' || substr(md5('member' || member_no), 1, 5) as member_id,
    first_name,
    last_name,
    lower(replace(first_name, ' ', '') || '.' || last_name) || '.' || member_no || '@example.com' as email,
    '+447700900' || lpad(member_no::text, 3, '0') as mobile,
    birth_on,
    birth_on <= current_date - interval '18 years' as is_above_18,
    case
        when status_chance < 0.90 then 'ACTIVE'
        when status_chance < 0.96 then 'SUSPENDED'
        else 'CLOSED'
    end as membership_status
from people
on conflict ("MEMBERSHIP_ID_TXT") do nothing;

with

products (product_no, product_name, base_cost, weight_kg) as (
    values
    (1, 'Tripod', 89.00, 1.60),
    (2, 'Camera Bag', 64.50, 0.95),
    (3, 'Lens Cloth', 4.90, 0.02),
    (4, 'Memory Card', 22.80, 0.01),
    (5, 'Film Roll', 11.40, 0.03),
    (6, 'Desk Lamp', 39.90, 1.20),
    (7, 'Picture Frame', 18.60, 0.70),
    (8, 'Photo Album', 27.30, 1.10),
    (9, 'Flash', 129.00, 0.42),
    (10, 'Light Meter', 174.00, 0.18),
    (11, 'Enlarger', 489.00, 14.50),
    (12, 'Developing Tank', 33.20, 0.36)
),

editions (edition_no, edition_name, manufacturer_name, price_factor) as (
    values
    (1, 'Pocket', 'Lumen & Sons', 0.70),
    (2, 'Classic', 'Harbour Optics', 1.00),
    (3, 'Studio', 'Northlight', 1.45),
    (4, 'Travel', 'Kopitiam Goods', 0.90),
    (5, 'Master', 'Atelier Argent', 2.10)
),

catalogue as (
    select
        editions.manufacturer_name,
        editions.edition_name || ' ' || products.product_name as item_name,
        round(products.base_cost * editions.price_factor, 2) as cost,
        round(products.weight_kg * (0.6 + 0.4 * editions.price_factor), 2) as weight_kg,
        (products.product_no, editions.edition_no) in ((5, 4), (11, 1)) as is_retired
    from products
    cross join editions
)

insert into "ASSESSMENT"."TB_ITEM" ("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG", "DELETED_DTTM")
select
    catalogue.item_name,
    catalogue.manufacturer_name,
    catalogue.cost,
    catalogue.weight_kg,
    case when catalogue.is_retired then now() - interval '20 days' end as retired_at
from catalogue
where
    not exists (
        select 1
        from "ASSESSMENT"."TB_ITEM" as known
        where
            known."ITEM_NAME" = catalogue.item_name
            and known."MANUFACTURER_NAME" = catalogue.manufacturer_name
    )
order by md5('item' || catalogue.item_name);

with

-- A few members and items are in demand much more than the rest, and the last tenth of the members has not bought yet.
members as (
    select
        "MEMBERSHIP_ID_TXT" as member_id,
        row_number() over (order by md5("MEMBERSHIP_ID_TXT")) as place
    from "ASSESSMENT"."TB_MEMBERSHIP"
),

items as (
    select
        "ITEM_ID_NO" as item_id,
        "COST_NO" as cost,
        "WEIGHT_KG" as weight_kg,
        "DELETED_DTTM" as retired_at,
        row_number() over (order by md5('item' || "ITEM_NAME")) as place
    from "ASSESSMENT"."TB_ITEM"
),

numbered as materialized (
    select nextval(pg_get_serial_sequence('"ASSESSMENT"."TB_TRANSACTION"', 'TRANSACTION_ID_NO')) as transaction_id
    from generate_series(1, 600)
),

drawn as (
    select
        transaction_id,
        1 + floor(
            (select count(*) * 0.9 from members) * power(pg_temp.chance('who' || transaction_id), 1.7)
        )::integer as member_place,
        1 + floor(5 * power(pg_temp.chance('lines' || transaction_id), 1.6))::integer as lines,
        floor(90 * power(pg_temp.chance('day' || transaction_id), 1.4))::integer as age_days,
        pg_temp.chance('hour' || transaction_id) + pg_temp.chance('minute' || transaction_id) as hour_chance,
        pg_temp.chance('status' || transaction_id) as status_chance,
        pg_temp.chance('late' || transaction_id) as late_chance
    from numbered
),

-- Evenings are busy. What would fall into the rest of today falls into the last six hours instead.
timed as (
    select
        drawn.*,
        date_trunc('day', now(), 'UTC') - make_interval(days => drawn.age_days)
        + make_interval(secs => 3600 * (6 + 9 * drawn.hour_chance)) as planned_at
    from drawn
),

purchases as materialized (
    select
        timed.*,
        members.member_id,
        case
            when timed.planned_at < now() then timed.planned_at
            else now() - make_interval(secs => 21600 * timed.late_chance)
        end as transaction_at
    from timed
    inner join members on timed.member_place = members.place
),

candidates as (
    select
        purchases.transaction_id,
        purchases.transaction_at,
        1 + floor(
            (select count(*) from items)
            * power(pg_temp.chance('item' || purchases.transaction_id || '/' || numbers.line_no), 1.5)
        )::integer as item_place,
        1 + floor(
            4 * power(pg_temp.chance('quantity' || purchases.transaction_id || '/' || numbers.line_no), 2.5)
        )::integer as quantity
    from purchases
    cross join lateral generate_series(1, purchases.lines) as numbers (line_no)
),

lines as materialized (
    select
        candidates.transaction_id,
        items.item_id,
        items.cost,
        items.weight_kg,
        sum(candidates.quantity)::integer as quantity
    from candidates
    inner join items on candidates.item_place = items.place
    where items.retired_at is null or candidates.transaction_at < items.retired_at
    group by candidates.transaction_id, items.item_id, items.cost, items.weight_kg
),

totals as (
    select
        transaction_id,
        sum(quantity * cost) as total_price,
        sum(quantity * weight_kg) as total_weight_kg
    from lines
    group by transaction_id
),

bought as (
    insert into "ASSESSMENT"."TB_TRANSACTION" (
        "TRANSACTION_ID_NO", "MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG", "TRANSACTION_DTTM", "STATUS_CD"
    )
    overriding system value
    select
        purchases.transaction_id,
        purchases.member_id,
        totals.total_price,
        totals.total_weight_kg,
        purchases.transaction_at,
        case
            when purchases.status_chance < 0.06 then 'CANCELLED'
            when purchases.age_days < 5 and purchases.status_chance < 0.55 then 'PENDING'
            when purchases.status_chance < 0.08 then 'PENDING'
            else 'COMPLETED'
        end as transaction_status
    from purchases
    inner join totals on purchases.transaction_id = totals.transaction_id
)

insert into "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" ("TRANSACTION_ID_NO", "ITEM_ID_NO", "QUANTITY_NO")
select
    transaction_id,
    item_id,
    quantity
from lines;

drop function pg_temp.pick(text[], text);
drop function pg_temp.chance(text);
