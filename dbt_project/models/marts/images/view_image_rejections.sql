with

totals as (
    select * from {{ ref('stg_image_catalog__image_totals') }}
),

explanations (reason_code, explanation, advice) as (
    values
    {% for texts in var('rejection_reasons') -%}
    ('{{ texts | map("replace", "'", "''") | join("', '") }}'){{ "," if not loop.last }}
    {% endfor %}
),

rejections as (
    select
        source,
        arrived_on,
        reason_code,
        sum(images)::bigint as rejected_images
    from totals
    where state = 'rejected'
    group by source, arrived_on, reason_code
),

final as (
    select
        rejections.source,
        rejections.arrived_on,
        rejections.reason_code,
        rejections.rejected_images,
        coalesce(explanations.explanation, 'The reason has no explanation yet.') as explanation,
        coalesce(explanations.advice, 'Ask the platform team.') as advice
    from rejections
    left join explanations on rejections.reason_code = explanations.reason_code
)

select * from final
