with

changes as materialized (
    select
        period_at,
        source,
        measure,
        bucket,
        images
    from {{ source('change_queue', 'timing_difference') }}
    union all
    -- What a purge has hidden and not deleted yet: none of it, most of the time.
    select
        period_at,
        source,
        measure,
        bucket,
        -1 as images
    from {{ source('image_catalog', 'image_time') }}
    where arrived_at <= {{ hidden_until() }} and arrived_at >= {{ hidden_until('day') }}
),

changed as (
    select distinct
        period_at,
        source,
        measure
    from changes
),

summed as (
    select
        part.period_at,
        part.source,
        part.measure,
        part.bucket,
        sum(part.images)::bigint as images
    from (
        select * from changes
        union all
        select
            timing.period_at,
            timing.source,
            timing.measure,
            known.bucket,
            known.images
        from {{ source('image_catalog', 'image_timing') }} as timing
        inner join changed
            on
                timing.period_at = changed.period_at
                and timing.source = changed.source
                and timing.measure = changed.measure
        cross join lateral unnest(timing.buckets, timing.bucket_images) as known (bucket, images)
    ) as part
    group by part.period_at, part.source, part.measure, part.bucket
    having sum(part.images) <> 0
),

ranked as (
    select
        *,
        (sum(images) over (partition by period_at, source, measure))::double precision as all_images,
        (sum(images) over (partition by period_at, source, measure order by bucket) - images)::double precision as first_rank
    from summed
),

-- The few groups that differ from their stored totals are added up now, all others are read as they are.
timings as (
    select
        timing.period_at,
        timing.source,
        timing.measure,
        timing.images,
        timing.median_seconds,
        timing.p95_seconds
    from {{ source('image_catalog', 'image_timing') }} as timing
    where
        not exists (
            select
            from changed
            where
                timing.period_at = changed.period_at
                and timing.source = changed.source
                and timing.measure = changed.measure
        )
    union all
    select
        period_at,
        source,
        measure,
        sum(images)::bigint as images,
        {{ percentile(0.5) }} as median_seconds,
        {{ percentile(0.95) }} as p95_seconds
    from ranked
    group by period_at, source, measure
),

final as (
    select * from timings
    where
        period_at >= {{ hidden_until('day') }}
        and (measure = 'to_processed' or period_at >= {{ hidden_until('hour') }})
)

select * from final
