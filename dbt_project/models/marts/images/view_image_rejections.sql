with

images as (
    select * from {{ ref('stg_image_catalog__images') }}
),

explanations (reason_code, explanation, advice) as (
    values
    ('empty', 'The file has no bytes.', 'Send it again; check that the export or upload had finished.'),
    ('too_large', 'The file is larger than the platform takes.', 'Save it smaller or compress it more.'),
    (
        'not_an_image',
        'The content is not an image, whatever the name says.',
        'Open the file in a viewer; send the picture itself.'
    ),
    (
        'format_not_allowed',
        'It is an image, in a format that the platform does not take.',
        'Convert it to a common format such as JPEG, PNG or WebP.'
    ),
    (
        'too_many_pixels',
        'The picture has more pixels than the platform decodes.',
        'Scale it down before sending.'
    ),
    (
        'too_many_frames',
        'The file holds an animation or many pages.',
        'Send one picture per file.'
    ),
    (
        'truncated',
        'The file ends in the middle of the picture.',
        'Send it again; check the connection and the size of the original.'
    ),
    (
        'corrupt',
        'The file is damaged and cannot be decoded.',
        'Export it anew from the original and send that.'
    ),
    (
        'decoder_timeout',
        'Decoding took longer than allowed.',
        'Save it anew with an ordinary editor, without unusual options, and send that.'
    ),
    (
        'decoder_died',
        'Decoding used too much memory or crashed.',
        'Save it anew with an ordinary editor, and tell the platform team if it happens again.'
    ),
    (
        'processor_failed',
        'The processor failed with this file, and not with others.',
        'Save it anew with an ordinary editor, and tell the platform team if it happens again.'
    ),
    (
        'object_missing',
        'The file was gone from the store before it could be processed.',
        'Send it again, and delete nothing from the store by hand.'
    ),
    (
        'gave_up',
        'Processing was interrupted too often.',
        'Send it again later, and tell the platform team if it happens again.'
    )
),

rejections as (
    select
        source,
        arrived_on,
        reason_code,
        count(*) as rejected_images
    from images
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
