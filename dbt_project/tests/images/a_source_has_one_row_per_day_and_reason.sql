select
    source,
    arrived_on,
    reason_code
from {{ ref('view_image_rejections') }}
group by source, arrived_on, reason_code
having count(*) > 1
