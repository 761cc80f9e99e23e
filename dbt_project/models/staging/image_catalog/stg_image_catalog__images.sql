-- Without a CTE on purpose: PostgreSQL merges only such a view into the query over it, which can then use an index.
select
    image_id,
    source,
    arrived_at,
    (arrived_at at time zone 'UTC')::date as arrived_on,
    registered_at,
    state,
    reason_code,
    finished_at,
    format,
    size_bytes,
    width_px,
    height_px,
    processing_seconds,
    mode,
    frames_count,
    has_alpha,
    contrast,
    sha256,
    perceptual_hash,
    recipe,
    fetch_seconds,
    wait_seconds,
    decode_seconds,
    render_seconds,
    encode_seconds,
    describe_seconds,
    store_seconds
from {{ source('image_catalog', 'image') }}
where
    arrived_at >= {{ retention_cutoff() }}
    and arrived_at > (select horizon.expired_until from {{ source('image_catalog', 'horizon') }} as horizon)
    and withdrawn_at is null
