with

totals as (
    select * from {{ ref('stg_image_catalog__image_totals') }}
    where state = 'processed'
),

final as (
    select
        arrived_on,
        format,
        mode,
        sum(images)::bigint as images,
        sum(animated_images)::bigint as animated_images,
        sum(frames)::bigint as frames,
        (sum(alpha_images) / nullif(sum(alpha_known_images), 0))::numeric(5, 4) as alpha_share,
        sum(size_bytes)::bigint as bytes_in,
        sum(renditions_bytes)::bigint as bytes_out,
        (sum(pixels) / 1000000)::numeric(16, 3) as megapixels
    from totals
    group by arrived_on, format, mode
)

select * from final
