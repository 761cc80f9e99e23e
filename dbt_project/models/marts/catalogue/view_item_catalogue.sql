with

items as (
    select * from {{ ref('stg_assessment__items') }}
),

transaction_items as (
    select * from {{ ref('stg_assessment__transaction_items') }}
),

final as (
    select
        items.item_id,
        items.item_name,
        items.manufacturer_name,
        items.cost,
        items.weight_kg,
        items.retired_at is null as is_on_sale,
        items.retired_at,
        exists(
            select 1
            from transaction_items
            where transaction_items.item_id = items.item_id
        ) as has_transactions,
        items.created_at as listed_at,
        items.updated_at as changed_at,
        items.retired_at is null and count(*) over (
            partition by
                items.retired_at is null,
                lower(regexp_replace(items.item_name, '\s', '', 'g')),
                lower(regexp_replace(items.manufacturer_name, '\s', '', 'g'))
        ) > 1 as has_duplicate
    from items
)

select * from final
