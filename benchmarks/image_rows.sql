-- Fills seven days with invented images, two renditions each, as they are after processing. Indexes are created afterwards, and
-- triggers do not fire: the totals are counted from the ledger, as after a restore.
-- Parameters: darkroom.images, how many images; darkroom.until, when the last of them arrived.
do $$
declare
    images constant bigint := current_setting('darkroom.images')::bigint;
    until constant timestamptz := current_setting('darkroom.until')::timestamptz;
    indexes text[];
    one text;
begin
    perform image_catalog.ensure_day((until at time zone 'UTC')::date - day) from generate_series(0, 7) as day;
    alter table image_catalog.image disable trigger user;
    select array_agg(pg_get_indexdef(indexrelid)) into indexes
    from pg_index
    where indrelid in ('image_catalog.image'::regclass) and not indisprimary;
    for one in
        select indexrelid::regclass::text from pg_index
        where indrelid = 'image_catalog.image'::regclass and not indisprimary
    loop
        execute 'drop index ' || one;
    end loop;

    -- One in twenty has the bytes of the one a thousand before, one in fifty nearly its looks.
    insert into image_catalog.image (
        image_id, arrived_at, source, origin, object_key, size_bytes, state, reason_code, registered_at, finished_at,
        format, mode, width_px, height_px, frames_count, has_alpha, contrast, sha256, perceptual_hash, recipe, recipe_hash,
        renditions_bytes, processing_seconds, fetch_seconds, wait_seconds, decode_seconds, render_seconds, encode_seconds,
        describe_seconds, store_seconds
    )
    select
        md5(number::text)::uuid, arrived_at, (array['kafka', 'kafka', 'kafka', 'bucket', 'bucket', 'upload'])[1 + number % 6],
        'invented/' || number, 'invented/' || number, 100000 + number % 900000, state,
        case when state = 'rejected' then (array['corrupt', 'truncated', 'not_an_image', 'too_large'])[1 + number % 4] end,
        arrived_at + random() * interval '2 seconds',
        case when state <> 'waiting' then arrived_at + interval '2 seconds' + random() * random() * interval '60 seconds' end,
        case when is_processed then (array['JPEG', 'JPEG', 'JPEG', 'PNG', 'WEBP', 'TIFF'])[1 + number / 7 % 6] end,
        case when is_processed then (array['RGB', 'RGB', 'RGBA', 'L', 'CMYK'])[1 + number / 11 % 5] end,
        case when is_processed then 4000 end, case when is_processed then 3000 end, case when is_processed then 1 end,
        case when is_processed then number % 5 = 0 end, case when is_processed then 0.2 end,
        sha256(int8send(case when number % 20 = 0 then number - 1000 else number end)),
        case when is_processed then hashtextextended(
            (case when number % 50 = 1 then number - 1000 else number end)::text, 0
        ) # (number % 2) end,
        case when is_processed then 'standard v2' end, case when is_processed then 'benchmark' end,
        case when is_processed then 120000 end, case when is_processed then exp(random() - 2) end,
        case when is_processed then exp(3 * random() - 6) end, case when is_processed then exp(6 * random() - 7) end,
        case when is_processed then exp(2 * random() - 4) end, case when is_processed then exp(2 * random() - 4) end,
        case when is_processed then exp(2 * random() - 3) end, case when is_processed then exp(2 * random() - 6) end,
        case when is_processed then exp(3 * random() - 5) end
    from (
        select
            number,
            until - (images - number) * (interval '160 hours' / images) as arrived_at,
            case when number > images - 5000 then 'waiting' when number % 25 = 3 then 'rejected' else 'processed' end as state,
            number % 25 <> 3 and number <= images - 5000 as is_processed
        from generate_series(1, images) as number
    ) as invented;

    insert into image_catalog.rendition (
        image_id, arrived_at, rendition_name, object_key, recipe_hash, format, width_px, height_px, size_bytes
    )
    select image_id, arrived_at, name, image_id || '/' || name, 'benchmark', 'JPEG', 256, 192, 60000
    from image_catalog.image
    cross join unnest(array['medium', 'thumbnail']) as name
    where state = 'processed';

    foreach one in array indexes loop
        execute replace(one, ' ON ONLY ', ' ON ');
    end loop;
    alter table image_catalog.image enable trigger user;
end
$$;
