-- Only for the last hour: the whole view compares every image with every other.
select
    image_id,
    likeness,
    first_image_id
from {{ ref('view_image_duplicates') }}
where
    arrived_at >= now() - interval '1 hour'
    and (first_arrived_at > arrived_at or differing_bits not between 0 and 3)
