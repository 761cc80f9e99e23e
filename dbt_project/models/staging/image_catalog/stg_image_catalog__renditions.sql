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
    from {{ source('image_catalog', 'rendition') }}
    where arrived_at >= {{ retention_cutoff() }}
)

select * from visible
