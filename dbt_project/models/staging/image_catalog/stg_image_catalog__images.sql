with

visible as (
    select
        image_id,
        source,
        arrived_at,
        (arrived_at at time zone 'UTC')::date as arrived_on,
        registered_at,
        state,
        reason_code,
        finished_at,
        format,
        size_bytes,
        width_px,
        height_px,
        processing_seconds
    from {{ source('image_catalog', 'image') }}
    where arrived_at >= {{ retention_cutoff() }}
)

select * from visible
