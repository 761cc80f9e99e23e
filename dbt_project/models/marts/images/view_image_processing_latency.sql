with

timings as (
    select * from {{ ref('stg_image_catalog__image_timings') }}
    where measure <> 'to_processed'
),

-- Every image has a time of registration; those that are processed are counted as such.
final as (
    select
        source,
        (period_at at time zone 'UTC')::date as arrived_on,
        period_at as arrived_hour,
        any_value(images) filter (where measure = 'registered') as landed_images,
        coalesce(any_value(images) filter (where measure = 'finished'), 0) as finished_images,
        coalesce(any_value(images) filter (where measure = 'processed'), 0) as processed_images,
        (any_value(median_seconds) filter (where measure = 'registered'))::numeric(12, 4) as median_registered_seconds,
        (any_value(p95_seconds) filter (where measure = 'registered'))::numeric(12, 4) as p95_registered_seconds,
        (any_value(median_seconds) filter (where measure = 'finished'))::numeric(12, 4) as median_finished_seconds,
        (any_value(p95_seconds) filter (where measure = 'finished'))::numeric(12, 4) as p95_finished_seconds,
        (any_value(median_seconds) filter (where measure = 'fetch'))::numeric(12, 4) as median_fetch_seconds,
        (any_value(p95_seconds) filter (where measure = 'fetch'))::numeric(12, 4) as p95_fetch_seconds,
        (any_value(median_seconds) filter (where measure = 'wait'))::numeric(12, 4) as median_wait_seconds,
        (any_value(p95_seconds) filter (where measure = 'wait'))::numeric(12, 4) as p95_wait_seconds,
        (any_value(median_seconds) filter (where measure = 'decode'))::numeric(12, 4) as median_decode_seconds,
        (any_value(p95_seconds) filter (where measure = 'decode'))::numeric(12, 4) as p95_decode_seconds,
        (any_value(median_seconds) filter (where measure = 'render'))::numeric(12, 4) as median_render_seconds,
        (any_value(p95_seconds) filter (where measure = 'render'))::numeric(12, 4) as p95_render_seconds,
        (any_value(median_seconds) filter (where measure = 'encode'))::numeric(12, 4) as median_encode_seconds,
        (any_value(p95_seconds) filter (where measure = 'encode'))::numeric(12, 4) as p95_encode_seconds,
        (any_value(median_seconds) filter (where measure = 'describe'))::numeric(12, 4) as median_describe_seconds,
        (any_value(p95_seconds) filter (where measure = 'describe'))::numeric(12, 4) as p95_describe_seconds,
        (any_value(median_seconds) filter (where measure = 'store'))::numeric(12, 4) as median_store_seconds,
        (any_value(p95_seconds) filter (where measure = 'store'))::numeric(12, 4) as p95_store_seconds
    from timings
    group by source, period_at
)

select * from final
