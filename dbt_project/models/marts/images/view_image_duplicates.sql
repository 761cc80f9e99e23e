with

-- Hashes that differ in at most three bits of 64 have one of four parts in common, and each part has an index. Not
-- materialized: a query for one image uses these indexes, however many images there are.
images as not materialized (
    select
        image_id,
        source,
        arrived_at,
        arrived_on,
        sha256,
        contrast,
        perceptual_hash,
        (perceptual_hash >> 48) & 65535 as hash_part_1,
        (perceptual_hash >> 32) & 65535 as hash_part_2,
        (perceptual_hash >> 16) & 65535 as hash_part_3,
        perceptual_hash & 65535 as hash_part_4
    from {{ ref('stg_image_catalog__images') }}
    where finished_at is not null
),

copies as (
    select
        later.image_id,
        later.source,
        later.arrived_at,
        later.arrived_on,
        'same bytes' as likeness,
        0 as differing_bits,
        earlier.image_id as first_image_id,
        earlier.source as first_source,
        earlier.arrived_at as first_arrived_at
    from images as later
    cross join lateral (
        select
            images.image_id,
            images.source,
            images.arrived_at
        from images
        where
            images.sha256 = later.sha256
            and images.arrived_at <= later.arrived_at
            and (images.arrived_at, images.image_id) < (later.arrived_at, later.image_id)
        order by images.arrived_at, images.image_id
        limit 1
    ) as earlier
),

-- A picture of one colour looks like every other one: only its bytes are compared.
pairs as (
    {%- for part in [1, 2, 3, 4] %}
    select
        later.image_id,
        later.source,
        later.arrived_at,
        later.arrived_on,
        bit_count(int8xor(later.perceptual_hash, earlier.perceptual_hash)::bit(64))::integer as differing_bits,
        earlier.image_id as first_image_id,
        earlier.source as first_source,
        earlier.arrived_at as first_arrived_at
    from images as later
    inner join images as earlier on later.hash_part_{{ part }} = earlier.hash_part_{{ part }}
    where
        later.contrast >= 0.01
        and earlier.contrast >= 0.01
        and later.sha256 <> earlier.sha256
        and (earlier.arrived_at, earlier.image_id) < (later.arrived_at, later.image_id)
        and bit_count(int8xor(later.perceptual_hash, earlier.perceptual_hash)::bit(64)) <= 3
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

lookalikes as (
    select distinct on (image_id, source, arrived_at, arrived_on)
        image_id,
        source,
        arrived_at,
        arrived_on,
        'looks the same' as likeness,
        differing_bits,
        first_image_id,
        first_source,
        first_arrived_at
    from pairs
    order by image_id, source, arrived_at, arrived_on, first_arrived_at, first_image_id
),

final as (
    select * from copies
    union all
    select * from lookalikes
)

select * from final
