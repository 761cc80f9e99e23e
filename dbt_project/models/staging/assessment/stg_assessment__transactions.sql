-- Without a CTE on purpose: PostgreSQL merges only such a view into the query over it, which can then use an index.
select
    "TRANSACTION_ID_NO" as transaction_id,
    "MEMBERSHIP_ID_TXT" as member_id,
    "TOTAL_PRICE_NO" as total_price,
    "TOTAL_WEIGHT_KG" as total_weight_kg,
    "TRANSACTION_DTTM" as transaction_at,
    "STATUS_CD" as transaction_status,
    "STATUS_CD" <> 'CANCELLED' as is_sale,
    "CREATED_DTTM" as created_at,
    "UPDATED_DTTM" as updated_at
from {{ source('ASSESSMENT', 'TB_TRANSACTION') }}
