-- Nothing is wrong with the sums when two items share a name, so this fails no build; Sales sees them in the view.
{{ config(severity='warn') }}

select
    item_id,
    item_name,
    manufacturer_name
from {{ ref('view_item_catalogue') }}
where has_duplicate
