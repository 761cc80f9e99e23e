with

renamed as (
    select
        "TRANSACTION_ID_NO" as transaction_id,
        "MEMBERSHIP_ID_TXT" as member_id,
        "TOTAL_PRICE_NO" as total_price,
        "TOTAL_WEIGHT_KG" as total_weight_kg,
        "TRANSACTION_DTTM" as transaction_at,
        ("TRANSACTION_DTTM" at time zone 'UTC')::date as transaction_on,
        "STATUS_CD" as transaction_status,
        "STATUS_CD" <> 'CANCELLED' as is_sale,
        "CREATED_DTTM" as created_at,
        "UPDATED_DTTM" as updated_at
    from {{ source('ASSESSMENT', 'TB_TRANSACTION') }}
)

select * from renamed
