{{
    config(
        unique_key='item_id',
        pre_hook=["{{ consume_changes('changed_item', 'item_id') }}", "{{ select_new_bookings() }}"],
        incremental_predicates=[
            'kept.item_id in (select item_id from changed_item_consumed union select item_id from new_bookings)'
        ],
        indexes=[{'columns': ['item_id'], 'unique': true}, {'columns': ['items_sold']}],
    )
}}

with

{% if is_incremental() %}
keys as (
    select consumed.item_id from {{ consumed('changed_item') }} as consumed
    union
    select new.item_id from {{ new_bookings() }} as new
    where new.item_id is not null
),

previous as (
    select * from {{ this }}
    where item_id in (select keys.item_id from keys)
),

bookings as (
    select new.* from {{ new_bookings() }} as new
    where new.item_id in (select previous.item_id from previous)
    union all
    -- Without a row here, everything is summed up: the item may have been deleted and made again during a build.
    select * from {{ ref('int_sales__booked') }}
    where
        item_id in (select keys.item_id from keys)
        and item_id not in (select previous.item_id from previous)
        and batch <= {{ last_batch('int_items__summed') }}
),
{% else %}
previous as (
    select
        null::bigint as item_id,
        null::text as item_name,
        null::text as manufacturer_name,
        null::numeric(10, 2) as cost,
        null::numeric(10, 2) as weight_kg,
        null::timestamptz as retired_at,
        null::bigint as sales,
        null::bigint as items_sold,
        null::numeric as total_sales,
        null::bigint as items_without_price,
        null::timestamptz as first_sold_at,
        null::timestamptz as last_sold_at
    where false
),

bookings as (
    select * from {{ ref('int_sales__booked') }}
    where item_id is not null and batch <= {{ last_batch('int_items__summed') }}
),
{% endif %}

changes as (
    select
        item_id,
        sum(transactions) as sales,
        sum(items) as items_sold,
        sum(total_price) as total_sales,
        sum(items) filter (where total_price is null) as items_without_price,
        min(transaction_at) filter (where transactions > 0) as first_gained_at,
        max(transaction_at) filter (where transactions > 0) as last_gained_at,
        min(transaction_at) filter (where transactions < 0) as first_lost_at,
        max(transaction_at) filter (where transactions < 0) as last_lost_at
    from bookings
    where is_sale
    group by item_id
),

-- Items whose first or last sale was reversed: the new first or last sale is looked up among all their bookings.
to_look_up as (
    select changes.item_id
    from changes
    left join previous on changes.item_id = previous.item_id
    where
        changes.first_lost_at <= coalesce(previous.first_sold_at, 'infinity')
        or changes.last_lost_at >= coalesce(previous.last_sold_at, '-infinity')
),

looked_up as (
    {{ first_and_last_sale('item_id', 'first_sold_at', 'last_sold_at') }}
),

items as (
    select * from {{ ref('stg_assessment__items') }}
    {% if is_incremental() %}
    where item_id in (select keys.item_id from keys)
    {% endif %}
),

summed as (
    select
        items.item_id is not null as is_there,
        coalesce(items.item_id, previous.item_id) as item_id,
        coalesce(items.item_name, previous.item_name) as item_name,
        coalesce(items.manufacturer_name, previous.manufacturer_name) as manufacturer_name,
        coalesce(items.cost, previous.cost) as cost,
        coalesce(items.weight_kg, previous.weight_kg) as weight_kg,
        case when items.item_id is null then previous.retired_at else items.retired_at end as retired_at,
        (coalesce(previous.sales, 0) + coalesce(changes.sales, 0))::bigint as sales,
        (coalesce(previous.items_sold, 0) + coalesce(changes.items_sold, 0))::bigint as items_sold,
        (coalesce(previous.total_sales, 0) + coalesce(changes.total_sales, 0))::numeric(30, 2) as total_sales,
        (
            coalesce(previous.items_without_price, 0) + coalesce(changes.items_without_price, 0)
        )::bigint as items_without_price,
        case
            when looked_up.item_id is null then least(previous.first_sold_at, changes.first_gained_at)
            else looked_up.first_sold_at
        end as first_sold_at,
        case
            when looked_up.item_id is null then greatest(previous.last_sold_at, changes.last_gained_at)
            else looked_up.last_sold_at
        end as last_sold_at
    from items
    full join previous on items.item_id = previous.item_id
    left join changes on coalesce(items.item_id, previous.item_id) = changes.item_id
    left join looked_up on coalesce(items.item_id, previous.item_id) = looked_up.item_id
),

-- An item that was deleted after the bookings were made stays until the next build reverses them.
final as (
    select
        item_id,
        item_name,
        manufacturer_name,
        cost,
        weight_kg,
        retired_at,
        sales,
        items_sold,
        total_sales,
        items_without_price,
        first_sold_at,
        last_sold_at
    from summed
    where is_there or sales > 0
)

select * from final
