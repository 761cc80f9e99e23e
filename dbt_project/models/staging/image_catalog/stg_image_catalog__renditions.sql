with

visible as (
    select
        image_id,
        rendition_name,
        arrived_at,
        format,
        size_bytes,
        width_px,
        height_px,
        created_at
    from {{ source('image_catalog', 'rendition') }} as rendition
    where
        arrived_at >= {{ retention_cutoff() }}
        and arrived_at > (select horizon.expired_until from {{ source('image_catalog', 'horizon') }} as horizon)
        -- Few images are withdrawn at a time, and a partial index has exactly these.
        and not exists (
            select
            from {{ source('image_catalog', 'image') }} as withdrawn
            where
                withdrawn.image_id = rendition.image_id
                and withdrawn.arrived_at = rendition.arrived_at
                and withdrawn.withdrawn_at is not null
        )
)

select * from visible
