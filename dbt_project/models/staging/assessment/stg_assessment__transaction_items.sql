-- Without a CTE on purpose: PostgreSQL would not look through it, and read the whole table where an index leads to a few rows.
select
    "TRANSACTION_ID_NO" as transaction_id,
    "ITEM_ID_NO" as item_id,
    "QUANTITY_NO" as quantity,
    "CREATED_DTTM" as created_at,
    "UPDATED_DTTM" as updated_at
from {{ source('ASSESSMENT', 'TB_TRANSACTION_ITEM_MAPPING') }}
