-- The members and items of a scale, as far as they are missing, and the places from which transactions draw them.
-- Nothing is random: every choice is a hash of a number and of what it is for.
-- All people are invented; addresses end in example.com, numbers come from a range reserved for fiction.
create or replace function pg_temp.chance(number bigint, purpose text) returns double precision
language sql immutable as $$
    select (hashint8extended(number, hashtext(purpose)) & 9007199254740991) / 9007199254740992.0::double precision
$$;

create or replace function pg_temp.pick(choices text[], number bigint, purpose text) returns text
language sql immutable as $$
    select choices[1 + floor(cardinality(choices) * pg_temp.chance(number, purpose))::integer]
$$;

create or replace function pg_temp.digit(number bigint, place integer) returns text
language sql immutable as $$
    select substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number / power(36, place)::bigint % 36)::integer, 1)
$$;

with

people as (
    select
        member_no,
        pg_temp.pick(
            array[
                'Mei', 'Arjun', 'Siti', 'Daniel', 'Nurul', 'Wei', 'Priya', 'Marcus', 'Hana', 'Ravi', 'Chloe', 'Faiz',
                'Grace', 'Kenji', 'Lakshmi', 'Oliver', 'Xin Yi', 'Zara', 'Benjamin', 'Aisyah', 'Ethan', 'Jia Hui',
                'Samuel', 'Divya', 'Amir', 'Beatrice', 'Chen', 'Dominic', 'Elena', 'Farah', 'Gopal', 'Helena', 'Imran',
                'Joanna', 'Kavita', 'Liam', 'Maya', 'Nathan', 'Olivia', 'Putri', 'Rachel', 'Sanjay', 'Tomoko', 'Umar',
                'Victor', 'Yusuf', 'Yvonne', 'Zhi Hao'
            ],
            member_no,
            'first name'
        ) as first_name,
        pg_temp.pick(
            array[
                'Tan', 'Lim', 'Lee', 'Ng', 'Ong', 'Wong', 'Goh', 'Chua', 'Koh', 'Teo', 'Rahman', 'Ismail', 'Kumar',
                'Nair', 'Pillai', 'Menon', 'Fernandez', 'Pereira', 'Sato', 'Nguyen', 'Schmidt', 'Clarke', 'Ang',
                'Bakar', 'Chan', 'Davies', 'Evans', 'Foo', 'Gomez', 'Hassan', 'Ibrahim', 'Jansen', 'Krishnan', 'Lau',
                'Mahmood', 'Neo', 'Osman', 'Park', 'Quek', 'Rao', 'Santos', 'Tanaka', 'Usman', 'Verma', 'Wijaya',
                'Yap', 'Yeo', 'Zainal'
            ],
            member_no,
            'last name'
        ) as last_name,
        -- Multiplied by a number that shares no factor with 36^5, no two members have the same last five digits.
        pg_temp.digit(member_no * 37370153, 4) || pg_temp.digit(member_no * 37370153, 3)
        || pg_temp.digit(member_no * 37370153, 2) || pg_temp.digit(member_no * 37370153, 1)
        || pg_temp.digit(member_no * 37370153, 0) as code,
        date '1950-01-01' + floor(365.25 * 55 * pg_temp.chance(member_no, 'birth'))::integer as birth_on,
        pg_temp.chance(member_no, 'member status') as status_chance
    from generate_series(1, current_setting('darkroom.seed_members')::bigint) as numbers (member_no)
)

insert into "ASSESSMENT"."TB_MEMBERSHIP" (
    "MEMBERSHIP_ID_TXT", "FIRST_NAME", "LAST_NAME", "EMAIL_ADDR", "MOBILE_NO", "BIRTH_DT", "ABOVE_18_IND", "STATUS_CD"
)
select
    lower(last_name) || '_' || code as member_id,
    first_name,
    last_name,
    lower(replace(first_name, ' ', '') || '.' || last_name) || '.' || member_no || '@example.com' as email,
    '+447700900' || lpad((member_no % 1000)::text, 3, '0') as mobile,
    birth_on,
    birth_on <= current_date - interval '18 years' as is_above_18,
    case
        when status_chance < 0.90 then 'ACTIVE'
        when status_chance < 0.96 then 'SUSPENDED'
        else 'CLOSED'
    end as membership_status
from people
on conflict do nothing;

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

-- Each mark has all twelve products in all five editions.
numbered as (
    select
        products.*,
        editions.*,
        marks.mark_no,
        60 * (marks.mark_no - 1) + 5 * (products.product_no - 1) + editions.edition_no as item_no
    from generate_series(1, (current_setting('darkroom.seed_items')::bigint + 59) / 60) as marks (mark_no)
    cross join products
    cross join editions
),

priced as (
    select
        item_no,
        manufacturer_name,
        edition_name || ' ' || product_name || case when mark_no > 1 then ' Mark ' || mark_no else '' end as item_name,
        case
            when mark_no = 1 then 1.00
            else (0.80 + 0.60 * pg_temp.chance(item_no, 'price'))::numeric
        end as mark_factor,
        base_cost * price_factor as cost,
        round(weight_kg * (0.6 + 0.4 * price_factor), 2) as weight_kg,
        case
            when mark_no = 1 and (product_no, edition_no) in ((5, 4), (11, 1)) then 20
            when mark_no > 1 and pg_temp.chance(item_no, 'retired') < 0.02
                then 20 + current_setting('darkroom.seed_days')::bigint * 0.8 * pg_temp.chance(item_no, 'retired when')
        end as retired_days_ago
    from numbered
    where item_no <= current_setting('darkroom.seed_items')::bigint
)

insert into "ASSESSMENT"."TB_ITEM" ("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG", "DELETED_DTTM")
select
    priced.item_name,
    priced.manufacturer_name,
    round(priced.cost * priced.mark_factor, 2) as cost,
    priced.weight_kg,
    now() - make_interval(secs => 86400 * priced.retired_days_ago) as retired_at
from priced
where
    not exists (
        select 1
        from "ASSESSMENT"."TB_ITEM" as known
        where
            known."ITEM_NAME" = priced.item_name
            and known."MANUFACTURER_NAME" = priced.manufacturer_name
    )
order by pg_temp.chance(priced.item_no, 'item order');

-- The lower the place, the greater the demand.
create temporary table member_place (place bigint primary key, member_id text not null);

insert into member_place (place, member_id)
select
    row_number() over (order by hashtextextended("MEMBERSHIP_ID_TXT", 0), "MEMBERSHIP_ID_TXT") as place,
    "MEMBERSHIP_ID_TXT" as member_id
from "ASSESSMENT"."TB_MEMBERSHIP";

-- From when an item is retired, the next one that is still on sale has its place.
create temporary table item_place (
    place bigint,
    sold_from timestamptz,
    sold_until timestamptz not null,
    item_id bigint not null,
    cost numeric not null,
    weight_kg numeric not null,
    primary key (place, sold_from)
);

with

items as (
    select
        "ITEM_ID_NO" as item_id,
        "COST_NO" as cost,
        "WEIGHT_KG" as weight_kg,
        "DELETED_DTTM" as retired_at,
        row_number() over (order by hashtextextended("ITEM_NAME", 0), "ITEM_ID_NO") as place
    from "ASSESSMENT"."TB_ITEM"
),

followed as (
    select
        *,
        coalesce(
            min(place) filter (where retired_at is null) over (order by place desc),
            min(place) filter (where retired_at is null) over ()
        ) as next_place
    from items
)

insert into item_place (place, sold_from, sold_until, item_id, cost, weight_kg)
select
    place,
    '-infinity' as sold_from,
    coalesce(retired_at, 'infinity') as sold_until,
    item_id,
    cost,
    weight_kg
from followed
union all
select
    retired.place,
    retired.retired_at as sold_from,
    'infinity' as sold_until,
    successors.item_id,
    successors.cost,
    successors.weight_kg
from followed as retired
inner join items as successors on retired.next_place = successors.place
where retired.retired_at is not null;

analyze member_place, item_place;
