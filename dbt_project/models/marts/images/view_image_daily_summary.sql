with

images as (
    select * from {{ ref('stg_image_catalog__images') }}
),

renditions as (
    select * from {{ ref('stg_image_catalog__renditions') }}
),

timed as (
    select
        source,
        arrived_on,
        state,
        size_bytes,
        width_px::numeric * height_px as pixels,
        case when state = 'processed' then extract(epoch from finished_at - arrived_at) end as seconds_to_processed,
        case when state = 'processed' then recipe end as recipe
    from images
),

arrivals as (
    select
        source,
        arrived_on,
        count(*) as landed_images,
        count(*) filter (where state = 'waiting') as waiting_images,
        count(*) filter (where state = 'processed') as processed_images,
        count(*) filter (where state = 'rejected') as rejected_images,
        sum(size_bytes)::bigint as bytes_in,
        sum(pixels) filter (where state = 'processed') as pixels,
        percentile_cont(0.5) within group (order by seconds_to_processed) as median_seconds_to_processed,
        percentile_cont(0.95) within group (order by seconds_to_processed) as p95_seconds_to_processed,
        string_agg(distinct recipe, ', ' order by recipe) as recipes
    from timed
    group by source, arrived_on
),

outputs as (
    select
        images.source,
        images.arrived_on,
        sum(renditions.size_bytes)::bigint as bytes_out
    from renditions
    inner join images on renditions.image_id = images.image_id and renditions.arrived_at = images.arrived_at
    group by images.source, images.arrived_on
),

final as (
    select
        arrivals.source,
        arrivals.arrived_on,
        arrivals.landed_images,
        arrivals.waiting_images,
        arrivals.processed_images,
        arrivals.rejected_images,
        arrivals.bytes_in,
        coalesce(outputs.bytes_out, 0) as bytes_out,
        (coalesce(arrivals.pixels, 0) / 1000000)::numeric(16, 3) as megapixels,
        arrivals.median_seconds_to_processed::numeric(12, 3) as median_seconds_to_processed,
        arrivals.p95_seconds_to_processed::numeric(12, 3) as p95_seconds_to_processed,
        arrivals.recipes
    from arrivals
    left join outputs on arrivals.source = outputs.source and arrivals.arrived_on = outputs.arrived_on
)

select * from final
