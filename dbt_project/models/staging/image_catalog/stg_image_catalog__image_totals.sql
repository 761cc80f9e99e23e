with

-- Totals and differences are read in one statement, so that a difference counts once, wherever it is.
counted as (
    select * from {{ source('image_catalog', 'image_total') }}
    union all
    select * from {{ source('change_queue', 'image_difference') }}
    union all
    -- What a purge has hidden and not deleted yet: none of it, most of the time.
    select
        source,
        arrived_on,
        state,
        reason_code,
        format,
        mode,
        recipe,
        -1 as images,
        -size_bytes as size_bytes,
        -renditions_bytes as renditions_bytes,
        -pixels as pixels,
        -frames as frames,
        -animated_images as animated_images,
        -alpha_images as alpha_images,
        -alpha_known_images as alpha_known_images
    from {{ source('image_catalog', 'image_fact') }}
    where arrived_at <= {{ hidden_until() }} and arrived_at >= {{ hidden_until('day') }}
),

final as (
    select
        source,
        arrived_on,
        state,
        reason_code,
        format,
        mode,
        recipe,
        sum(images)::bigint as images,
        sum(size_bytes)::bigint as size_bytes,
        sum(renditions_bytes)::bigint as renditions_bytes,
        sum(pixels)::bigint as pixels,
        sum(frames)::bigint as frames,
        sum(animated_images)::bigint as animated_images,
        sum(alpha_images)::bigint as alpha_images,
        sum(alpha_known_images)::bigint as alpha_known_images
    from counted
    where arrived_on >= (select ({{ hidden_until('day') }} at time zone 'UTC')::date)
    group by source, arrived_on, state, reason_code, format, mode, recipe
    having sum(images) <> 0
)

select * from final
