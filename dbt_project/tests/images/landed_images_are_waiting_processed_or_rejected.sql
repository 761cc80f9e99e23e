select
    source,
    arrived_on,
    landed_images
from {{ ref('view_image_daily_summary') }}
where landed_images <> waiting_images + processed_images + rejected_images
