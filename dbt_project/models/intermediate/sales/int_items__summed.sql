{{
    config(
        unique_key='item_id',
        pre_hook=["{{ consume_changes('changed_item', 'item_id') }}", "{{ select_new_bookings() }}"],
        incremental_predicates=['kept.item_id in (select item_id from changed_item_consumed)'],
        indexes=[{'columns': ['item_id'], 'unique': true}, {'columns': ['items_sold']}],
    )
}}

with

bookings as (
    select * from {{ 'new_bookings' if is_incremental() else ref('int_sales__booked') }}
    where item_id is not null and is_sale
),

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
    group by item_id
),

{% if is_incremental() %}
previous as (
    select
        item_id,
        sales,
        items_sold,
        total_sales,
        items_without_price,
        first_sold_at,
        last_sold_at
    from {{ this }}
),
{% else %}
previous as (
    select
        null::bigint as item_id,
        null::bigint as sales,
        null::bigint as items_sold,
        null::numeric as total_sales,
        null::bigint as items_without_price,
        null::timestamptz as first_sold_at,
        null::timestamptz as last_sold_at
    where false
),
{% endif %}

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
    where
        item_id in (select changed_item_consumed.item_id from changed_item_consumed)
        or item_id in (select changes.item_id from changes)
    {% endif %}
),

final as (
    select
        items.item_id,
        items.item_name,
        items.manufacturer_name,
        items.cost,
        items.weight_kg,
        items.retired_at,
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
    left join previous on items.item_id = previous.item_id
    left join changes on items.item_id = changes.item_id
    left join looked_up on items.item_id = looked_up.item_id
)

select * from final
