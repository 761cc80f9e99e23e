select
    source,
    arrived_on
from {{ ref('view_image_daily_summary') }}
where
    median_seconds_to_processed > p95_seconds_to_processed
    or (median_seconds_to_processed is null) <> (processed_images = 0)
