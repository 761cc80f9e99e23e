select
    source,
    arrived_hour
from {{ ref('view_image_processing_latency') }}
where
    median_registered_seconds > p95_registered_seconds
    or median_finished_seconds > p95_finished_seconds
    or landed_images < finished_images
    or finished_images < processed_images
    or (median_decode_seconds is null) <> (median_store_seconds is null)
