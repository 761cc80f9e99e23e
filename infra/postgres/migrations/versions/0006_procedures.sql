-- What Logistics and Sales do, as procedures that check their arguments and say what is wrong in one sentence. They run
-- with the caller's rights, but for record_transaction, whose tables Logistics may not insert into otherwise.
create function "ASSESSMENT".judge_status() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if old."STATUS_CD" <> 'PENDING' then
        raise exception 'Transaction % is % already; only a PENDING one can become %.',
            old."TRANSACTION_ID_NO", old."STATUS_CD", new."STATUS_CD" using errcode = 'check_violation';
    end if;
    return new;
end
$$;

-- A purchase is delivered or cancelled once: no way leads back, for anybody.
create trigger judge_status before update of "STATUS_CD" on "ASSESSMENT"."TB_TRANSACTION"
for each row when (old."STATUS_CD" is distinct from new."STATUS_CD")
execute function "ASSESSMENT".judge_status();

create procedure "ASSESSMENT".complete_transaction(transaction_id bigint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    update "ASSESSMENT"."TB_TRANSACTION"
    set "STATUS_CD" = 'COMPLETED'
    where "TRANSACTION_ID_NO" = transaction_id;
    if not found then
        raise exception 'There is no transaction %.', transaction_id using errcode = 'no_data_found';
    end if;
end
$$;

create procedure "ASSESSMENT".cancel_transaction(transaction_id bigint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    update "ASSESSMENT"."TB_TRANSACTION"
    set "STATUS_CD" = 'CANCELLED'
    where "TRANSACTION_ID_NO" = transaction_id;
    if not found then
        raise exception 'There is no transaction %.', transaction_id using errcode = 'no_data_found';
    end if;
end
$$;

create procedure "ASSESSMENT".record_transaction(
    member_id text, item_ids bigint[], quantities integer[], inout transaction_id bigint default null
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    membership_status text;
    unknown_items text;
    price numeric;
    weight_kg numeric;
begin
    if coalesce(cardinality(item_ids), 0) = 0 or cardinality(item_ids) is distinct from cardinality(quantities) then
        raise exception 'A transaction needs at least one item, and one quantity for each: % items, % quantities given.',
            coalesce(cardinality(item_ids), 0), coalesce(cardinality(quantities), 0) using errcode = 'check_violation';
    end if;
    if exists (select from unnest(quantities) as quantity where quantity is null or quantity < 1) then
        raise exception 'Every quantity must be 1 or more.' using errcode = 'check_violation';
    end if;
    if exists (select from unnest(item_ids) as item_id group by item_id having count(*) > 1) then
        raise exception 'Each item may be named once; add its quantities up.' using errcode = 'check_violation';
    end if;

    select "STATUS_CD" into membership_status
    from "ASSESSMENT"."TB_MEMBERSHIP"
    where "MEMBERSHIP_ID_TXT" = member_id
    for share;
    if membership_status is null then
        raise exception 'There is no member %.', member_id using errcode = 'no_data_found';
    elsif membership_status <> 'ACTIVE' then
        raise exception 'Member % is %; only an ACTIVE member can buy.', member_id, membership_status
            using errcode = 'check_violation';
    end if;

    perform from "ASSESSMENT"."TB_ITEM" where "ITEM_ID_NO" = any(item_ids) order by "ITEM_ID_NO" for share;
    select string_agg(coalesce(asked.item_id::text, 'null'), ', ' order by asked.item_id) into unknown_items
    from unnest(item_ids) as asked (item_id)
    left join "ASSESSMENT"."TB_ITEM" as item on asked.item_id = item."ITEM_ID_NO" and item."DELETED_DTTM" is null
    where item."ITEM_ID_NO" is null;
    if unknown_items is not null then
        raise exception 'Not on sale: item %.', unknown_items using errcode = 'no_data_found';
    end if;

    select sum(asked.quantity * item."COST_NO"), sum(asked.quantity * item."WEIGHT_KG") into price, weight_kg
    from unnest(item_ids, quantities) as asked (item_id, quantity)
    inner join "ASSESSMENT"."TB_ITEM" as item on asked.item_id = item."ITEM_ID_NO";
    if greatest(price, weight_kg) >= 10000000000 then
        raise exception 'The transaction is too large: its price and its weight must stay under 10,000,000,000.'
            using errcode = 'numeric_value_out_of_range';
    end if;

    insert into "ASSESSMENT"."TB_TRANSACTION" ("MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG")
    values (member_id, price, weight_kg)
    returning "TRANSACTION_ID_NO" into transaction_id;
    insert into "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" ("TRANSACTION_ID_NO", "ITEM_ID_NO", "QUANTITY_NO")
    select transaction_id, asked.item_id, asked.quantity
    from unnest(item_ids, quantities) as asked (item_id, quantity);
end
$$;

create procedure "ASSESSMENT".add_item(
    item_name text, manufacturer_name text, cost numeric, weight_kg numeric, inout item_id bigint default null
)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    insert into "ASSESSMENT"."TB_ITEM" ("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG")
    values (item_name, manufacturer_name, cost, weight_kg)
    returning "ITEM_ID_NO" into item_id;
end
$$;

create procedure "ASSESSMENT".change_item(
    item_id bigint,
    item_name text default null,
    manufacturer_name text default null,
    cost numeric default null,
    weight_kg numeric default null
)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    update "ASSESSMENT"."TB_ITEM"
    set
        "ITEM_NAME" = coalesce(item_name, "ITEM_NAME"),
        "MANUFACTURER_NAME" = coalesce(manufacturer_name, "MANUFACTURER_NAME"),
        "COST_NO" = coalesce(cost, "COST_NO"),
        "WEIGHT_KG" = coalesce(weight_kg, "WEIGHT_KG")
    where "ITEM_ID_NO" = item_id;
    if not found then
        raise exception 'There is no item %.', item_id using errcode = 'no_data_found';
    end if;
end
$$;

create procedure "ASSESSMENT".retire_item(item_id bigint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    update "ASSESSMENT"."TB_ITEM"
    set "DELETED_DTTM" = statement_timestamp()
    where "ITEM_ID_NO" = item_id and "DELETED_DTTM" is null;
    if not found then
        raise exception 'There is no item % on sale.', item_id using errcode = 'no_data_found';
    end if;
end
$$;

create procedure "ASSESSMENT".restore_item(item_id bigint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    update "ASSESSMENT"."TB_ITEM"
    set "DELETED_DTTM" = null
    where "ITEM_ID_NO" = item_id and "DELETED_DTTM" is not null;
    if not found then
        raise exception 'There is no retired item %.', item_id using errcode = 'no_data_found';
    end if;
end
$$;

comment on function "ASSESSMENT".judge_status() is 'Lets a purchase become COMPLETED or CANCELLED only while it is PENDING.';
comment on procedure "ASSESSMENT".complete_transaction (bigint) is 'Marks a pending transaction as delivered.';
comment on procedure "ASSESSMENT".cancel_transaction (bigint) is 'Cancels a pending transaction.';
comment on procedure "ASSESSMENT".record_transaction (text, bigint [], integer [], bigint) is
'Records a purchase: an active member, items on sale, a quantity for each. Price and weight are worked out; gives the new transaction''s number.';
comment on procedure "ASSESSMENT".add_item (text, text, numeric, numeric, bigint) is
'Adds an item to the catalogue; gives its number.';
comment on procedure "ASSESSMENT".change_item (bigint, text, text, numeric, numeric) is
'Changes what is given of an item; what is left out, or null, stays.';
comment on procedure "ASSESSMENT".retire_item (bigint) is 'Takes an item off sale; past sales keep it.';
comment on procedure "ASSESSMENT".restore_item (bigint) is 'Puts a retired item on sale again.';
