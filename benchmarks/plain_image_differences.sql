-- In how many rows the views of images differ from the plain ones, in how many percentiles by more than 5 %: none, when all is
-- right. Times are rounded to a millisecond at most, and less than 0.1 ms counts as 0.
with

days as (
    select
        source,
        arrived_on,
        landed_images,
        waiting_images,
        processed_images,
        rejected_images,
        bytes_in,
        bytes_out,
        megapixels,
        recipes
    from analytics.view_image_daily_summary
),

plain_days as (
    select
        source,
        arrived_on,
        landed_images,
        waiting_images,
        processed_images,
        rejected_images,
        bytes_in,
        bytes_out,
        megapixels,
        recipes
    from plain_image.daily_summary
),

rejections as (
    select
        source,
        arrived_on,
        reason_code,
        rejected_images
    from analytics.view_image_rejections
),

hours as (
    select
        source,
        arrived_on,
        arrived_hour,
        landed_images,
        finished_images,
        processed_images
    from analytics.view_image_processing_latency
),

plain_hours as (
    select
        source,
        arrived_on,
        arrived_hour,
        landed_images,
        finished_images,
        processed_images
    from plain_image.processing_latency
),

-- One row per percentile, named by its column.
percentiles as (
    select
        day.source,
        day.arrived_on::text as period,
        percentile.name,
        percentile.seconds
    from analytics.view_image_daily_summary as day
    cross join lateral jsonb_each_text(to_jsonb(day)) as percentile (name, seconds)
    union all
    select
        hour.source,
        hour.arrived_hour::text,
        percentile.name,
        percentile.seconds
    from analytics.view_image_processing_latency as hour
    cross join lateral jsonb_each_text(to_jsonb(hour)) as percentile (name, seconds)
),

plain_percentiles as (
    select
        day.source,
        day.arrived_on::text as period,
        percentile.name,
        percentile.seconds
    from plain_image.daily_summary as day
    cross join lateral jsonb_each_text(to_jsonb(day)) as percentile (name, seconds)
    union all
    select
        hour.source,
        hour.arrived_hour::text,
        percentile.name,
        percentile.seconds
    from plain_image.processing_latency as hour
    cross join lateral jsonb_each_text(to_jsonb(hour)) as percentile (name, seconds)
),

far_percentiles as (
    select 1
    from percentiles as found
    full outer join plain_percentiles as plain
        on found.source = plain.source and found.period = plain.period and found.name = plain.name
    where
        coalesce(found.name, plain.name) like '%seconds%'
        and (
            (found.seconds is null) <> (plain.seconds is null)
            or case
                when plain.name like '%seconds%'
                    then abs(found.seconds::numeric - plain.seconds::numeric) > 0.05 * plain.seconds::numeric + 0.001
            end
        )
),

different_days as (
    (
        select * from days
        except all
        select * from plain_days
    )
    union all
    (
        select * from plain_days
        except all
        select * from days
    )
),

different_formats as (
    (
        select * from analytics.view_image_formats
        except all
        select * from plain_image.formats
    )
    union all
    (
        select * from plain_image.formats
        except all
        select * from analytics.view_image_formats
    )
),

different_rejections as (
    (
        select * from rejections
        except all
        select * from plain_image.rejections
    )
    union all
    (
        select * from plain_image.rejections
        except all
        select * from rejections
    )
),

different_hours as (
    (
        select * from hours
        except all
        select * from plain_hours
    )
    union all
    (
        select * from plain_hours
        except all
        select * from hours
    )
)

select
    (select count(*) from different_days) as days,
    (select count(*) from different_formats) as formats,
    (select count(*) from different_rejections) as rejections,
    (select count(*) from different_hours) as hours,
    (select count(*) from far_percentiles) as percentiles
