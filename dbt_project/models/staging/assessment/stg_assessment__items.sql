-- Without a CTE on purpose: PostgreSQL merges only such a view into the query over it, which can then use an index.
select
    "ITEM_ID_NO" as item_id,
    "ITEM_NAME" as item_name,
    "MANUFACTURER_NAME" as manufacturer_name,
    "COST_NO" as cost,
    "WEIGHT_KG" as weight_kg,
    "DELETED_DTTM" as retired_at,
    "CREATED_DTTM" as created_at,
    "UPDATED_DTTM" as updated_at
from {{ source('ASSESSMENT', 'TB_ITEM') }}
