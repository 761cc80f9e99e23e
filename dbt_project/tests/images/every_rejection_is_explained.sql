{{ config(severity='warn') }}

select
    source,
    arrived_on,
    reason_code
from {{ ref('view_image_rejections') }}
where advice = 'Ask the platform team.'
