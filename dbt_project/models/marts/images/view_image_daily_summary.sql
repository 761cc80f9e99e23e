with

totals as (
    select * from {{ ref('stg_image_catalog__image_totals') }}
),

days as (
    select
        source,
        arrived_on,
        sum(images)::bigint as landed_images,
        coalesce(sum(images) filter (where state = 'waiting'), 0)::bigint as waiting_images,
        coalesce(sum(images) filter (where state = 'processed'), 0)::bigint as processed_images,
        coalesce(sum(images) filter (where state = 'rejected'), 0)::bigint as rejected_images,
        sum(size_bytes)::bigint as bytes_in,
        sum(renditions_bytes)::bigint as bytes_out,
        sum(pixels) as pixels,
        string_agg(distinct recipe, ', ' order by recipe) as recipes
    from totals
    group by source, arrived_on
),

times as (
    select
        source,
        (period_at at time zone 'UTC')::date as arrived_on,
        median_seconds,
        p95_seconds
    from {{ ref('stg_image_catalog__image_timings') }}
    where measure = 'to_processed'
),

final as (
    select
        days.source,
        days.arrived_on,
        days.landed_images,
        days.waiting_images,
        days.processed_images,
        days.rejected_images,
        days.bytes_in,
        days.bytes_out,
        (days.pixels / 1000000)::numeric(16, 3) as megapixels,
        times.median_seconds::numeric(12, 3) as median_seconds_to_processed,
        times.p95_seconds::numeric(12, 3) as p95_seconds_to_processed,
        days.recipes
    from days
    left join times on days.source = times.source and days.arrived_on = times.arrived_on
)

select * from final
