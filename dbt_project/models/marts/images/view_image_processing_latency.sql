with

images as (
    select * from {{ ref('stg_image_catalog__images') }}
),

timed as (
    select
        source,
        arrived_on,
        date_trunc('hour', arrived_at, 'UTC') as arrived_hour,
        state,
        extract(epoch from registered_at - arrived_at) as registered_seconds,
        -- An image that is rejected on arrival is finished just before its row is written.
        case
            when finished_at is not null then greatest(extract(epoch from finished_at - registered_at), 0)
        end as finished_seconds,
        fetch_seconds,
        wait_seconds,
        decode_seconds,
        render_seconds,
        encode_seconds,
        describe_seconds,
        store_seconds
    from images
),

hours as (
    select
        source,
        arrived_on,
        arrived_hour,
        count(*) as landed_images,
        count(finished_seconds) as finished_images,
        count(*) filter (where state = 'processed') as processed_images,
        percentile_cont(array[0.5, 0.95]) within group (order by registered_seconds) as registered_times,
        percentile_cont(array[0.5, 0.95]) within group (order by finished_seconds) as finished_times,
        percentile_cont(array[0.5, 0.95]) within group (order by fetch_seconds) as fetch_times,
        percentile_cont(array[0.5, 0.95]) within group (order by wait_seconds) as wait_times,
        percentile_cont(array[0.5, 0.95]) within group (order by decode_seconds) as decode_times,
        percentile_cont(array[0.5, 0.95]) within group (order by render_seconds) as render_times,
        percentile_cont(array[0.5, 0.95]) within group (order by encode_seconds) as encode_times,
        percentile_cont(array[0.5, 0.95]) within group (order by describe_seconds) as describe_times,
        percentile_cont(array[0.5, 0.95]) within group (order by store_seconds) as store_times
    from timed
    group by source, arrived_on, arrived_hour
),

final as (
    select
        source,
        arrived_on,
        arrived_hour,
        landed_images,
        finished_images,
        processed_images,
        registered_times[1]::numeric(12, 4) as median_registered_seconds,
        registered_times[2]::numeric(12, 4) as p95_registered_seconds,
        finished_times[1]::numeric(12, 4) as median_finished_seconds,
        finished_times[2]::numeric(12, 4) as p95_finished_seconds,
        fetch_times[1]::numeric(12, 4) as median_fetch_seconds,
        fetch_times[2]::numeric(12, 4) as p95_fetch_seconds,
        wait_times[1]::numeric(12, 4) as median_wait_seconds,
        wait_times[2]::numeric(12, 4) as p95_wait_seconds,
        decode_times[1]::numeric(12, 4) as median_decode_seconds,
        decode_times[2]::numeric(12, 4) as p95_decode_seconds,
        render_times[1]::numeric(12, 4) as median_render_seconds,
        render_times[2]::numeric(12, 4) as p95_render_seconds,
        encode_times[1]::numeric(12, 4) as median_encode_seconds,
        encode_times[2]::numeric(12, 4) as p95_encode_seconds,
        describe_times[1]::numeric(12, 4) as median_describe_seconds,
        describe_times[2]::numeric(12, 4) as p95_describe_seconds,
        store_times[1]::numeric(12, 4) as median_store_seconds,
        store_times[2]::numeric(12, 4) as p95_store_seconds
    from hours
)

select * from final
