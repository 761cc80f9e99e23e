-- Without a CTE on purpose: PostgreSQL merges only such a view into the query over it, which can then use an index.
select
    "MEMBERSHIP_ID_TXT" as member_id,
    "FIRST_NAME" as first_name,
    "LAST_NAME" as last_name,
    "ABOVE_18_IND" as is_above_18,
    "STATUS_CD" as membership_status,
    "CREATED_DTTM" as created_at,
    "UPDATED_DTTM" as updated_at
from {{ source('ASSESSMENT', 'TB_MEMBERSHIP') }}
