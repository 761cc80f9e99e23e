with

images as (
    select * from {{ ref('stg_image_catalog__images') }}
    where state = 'processed'
),

renditions as (
    select * from {{ ref('stg_image_catalog__renditions') }}
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

select * from final
