-- Without a CTE on purpose: PostgreSQL merges only such a view into the query over it, which can then use an index.
select
    "TRANSACTION_ID_NO" as transaction_id,
    "ITEM_ID_NO" as item_id,
    "QUANTITY_NO" as quantity,
    "CREATED_DTTM" as created_at,
    "UPDATED_DTTM" as updated_at,
    "UNIT_PRICE_NO" as unit_price
from {{ source('ASSESSMENT', 'TB_TRANSACTION_ITEM_MAPPING') }}
