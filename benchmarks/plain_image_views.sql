-- The views of images as plain SQL over the ledger: exact, and slow when there are millions of images. Tests and the benchmark
-- compare the views with them.
create schema plain_image;

create view plain_image.images as
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
    processing_seconds,
    mode,
    frames_count,
    has_alpha,
    contrast,
    sha256,
    perceptual_hash,
    recipe,
    fetch_seconds,
    wait_seconds,
    decode_seconds,
    render_seconds,
    encode_seconds,
    describe_seconds,
    store_seconds
from image_catalog.image
where
    arrived_at >= now() - interval '168 hours'
    and arrived_at > (select horizon.expired_until from image_catalog.horizon as horizon)
    and withdrawn_at is null;

create view plain_image.renditions as
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
    from image_catalog.rendition as rendition
    where
        arrived_at >= now() - interval '168 hours'
        and arrived_at > (select horizon.expired_until from image_catalog.horizon as horizon)
        -- Few images are withdrawn at a time, and a partial index has exactly these.
        and not exists (
            select
            from image_catalog.image as withdrawn
            where
                withdrawn.image_id = rendition.image_id
                and withdrawn.arrived_at = rendition.arrived_at
                and withdrawn.withdrawn_at is not null
        )
)

select * from visible;

create view plain_image.daily_summary as
with

images as (
    select * from plain_image.images
),

renditions as (
    select * from plain_image.renditions
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

select * from final;

create view plain_image.formats as
with

images as (
    select * from plain_image.images
    where state = 'processed'
),

renditions as (
    select * from plain_image.renditions
),

outputs as (
    select
        image_id,
        arrived_at,
        sum(size_bytes) as bytes_out
    from renditions
    group by image_id, arrived_at
),

final as (
    select
        images.arrived_on,
        images.format,
        images.mode,
        count(*) as images,
        count(*) filter (where images.frames_count > 1) as animated_images,
        sum(coalesce(images.frames_count, 1))::bigint as frames,
        avg(images.has_alpha::integer)::numeric(5, 4) as alpha_share,
        sum(images.size_bytes)::bigint as bytes_in,
        coalesce(sum(outputs.bytes_out), 0)::bigint as bytes_out,
        (sum(images.width_px::numeric * images.height_px) / 1000000)::numeric(16, 3) as megapixels
    from images
    left join outputs on images.image_id = outputs.image_id and images.arrived_at = outputs.arrived_at
    group by images.arrived_on, images.format, images.mode
)

select * from final;

create view plain_image.rejections as
select
    source,
    arrived_on,
    reason_code,
    count(*) as rejected_images
from plain_image.images
where state = 'rejected'
group by source, arrived_on, reason_code;

create view plain_image.processing_latency as
with

images as (
    select * from plain_image.images
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

select * from final;
