select
    arrived_on,
    format,
    mode
from {{ ref('view_image_formats') }}
group by arrived_on, format, mode
having count(*) > 1 or sum(images) < sum(animated_images) or min(alpha_share) < 0 or max(alpha_share) > 1
