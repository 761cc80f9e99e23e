select
    source,
    arrived_on
from {{ ref('view_image_daily_summary') }}
group by source, arrived_on
having count(*) > 1
