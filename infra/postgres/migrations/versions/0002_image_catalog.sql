-- The ledger: one row per image known to the platform, from the moment it is durable in the raw bucket.
-- Partitioned by day of arrival, so that backfill and retention share one unit.
create table image_catalog.image (
    image_id uuid not null,
    arrived_at timestamptz not null,
    source text not null check (source in ('kafka', 'bucket', 'upload')),
    origin text not null,
    object_key text not null,
    object_version text,
    size_bytes bigint not null check (size_bytes >= 0),
    declared_content_type text,
    filename text,
    uploader text,
    state text not null default 'waiting' check (state in ('waiting', 'processed', 'rejected')),
    reason_code text,
    quarantine_key text,
    registered_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    claimed_by text,
    lease_until timestamptz,
    claim_count smallint not null default 0,
    format text,
    mode text,
    width_px integer,
    height_px integer,
    sha256 bytea,
    processing_seconds real,
    primary key (image_id, arrived_at),
    constraint a_finished_image_says_when check ((state = 'waiting') = (finished_at is null)),
    constraint a_rejected_image_says_why check ((state = 'rejected') = (reason_code is not null))
) partition by range (arrived_at);

create index image_waiting on image_catalog.image (arrived_at) where state = 'waiting';
create index image_claimed_by on image_catalog.image (claimed_by) where claimed_by is not null;

-- No foreign key to image: the two are written in one transaction and their day's partitions are dropped together.
create table image_catalog.rendition (
    image_id uuid not null,
    arrived_at timestamptz not null,
    rendition_name text not null,
    object_key text not null,
    recipe_hash text not null,
    format text not null,
    width_px integer not null check (width_px > 0),
    height_px integer not null check (height_px > 0),
    size_bytes bigint not null check (size_bytes > 0),
    created_at timestamptz not null default clock_timestamp(),
    primary key (image_id, arrived_at, rendition_name)
) partition by range (arrived_at);

-- Counts only, kept when the images are gone: what the conservation check balances against.
create table image_catalog.arrival_count (
    source text not null,
    arrived_hour timestamptz not null,
    landed_count bigint not null default 0 check (landed_count >= 0),
    purged_count bigint not null default 0 check (purged_count >= 0),
    primary key (source, arrived_hour)
);

-- Progress of the Kafka landing, committed in the transaction that writes its ledger rows.
create table image_catalog.kafka_offset (
    topic text not null,
    partition_no integer not null,
    next_offset bigint not null check (next_offset >= 0),
    high_watermark bigint not null check (high_watermark >= 0),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (topic, partition_no)
);

-- Progress of the reconciling listing of the raw bucket: where to resume, and when it last reached the end.
create table image_catalog.bucket_sweep (
    bucket text primary key,
    resume_key text,
    resume_version text,
    completed_at timestamptz
);

create function image_catalog.count_landed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into image_catalog.arrival_count as total (source, arrived_hour, landed_count)
    select source, date_trunc('hour', arrived_at, 'UTC'), count(*)
    from landed
    group by 1, 2
    order by 1, 2
    on conflict (source, arrived_hour) do update
        set landed_count = total.landed_count + excluded.landed_count;
    return null;
end
$$;

-- The database counts what lands, whoever inserts it.
create trigger count_landed after insert on image_catalog.image
referencing new table as landed
for each statement execute function image_catalog.count_landed();

-- Makes the day's partitions of image and rendition if they are missing. A day is a UTC calendar day.
-- A table made on its own and attached takes a lock that stops neither readers nor writers.
create function image_catalog.ensure_day(arrival_day date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    parent text;
    child text;
begin
    foreach parent in array array['image', 'rendition'] loop
        child := format('%s_%s', parent, to_char(arrival_day, 'YYYYMMDD'));
        continue when to_regclass(format('image_catalog.%I', child)) is not null;
        perform pg_advisory_xact_lock(hashtext('image_catalog.ensure_day'));
        continue when to_regclass(format('image_catalog.%I', child)) is not null;
        execute format('create table image_catalog.%I (like image_catalog.%I including all)', child, parent);
        execute format(
            'alter table image_catalog.%I attach partition image_catalog.%I for values from (%L) to (%L)',
            parent, child,
            arrival_day::timestamp at time zone 'UTC',
            (arrival_day + 1)::timestamp at time zone 'UTC'
        );
    end loop;
end
$$;

revoke all on function image_catalog.count_landed() from public;
revoke all on function image_catalog.ensure_day(date) from public;

comment on schema image_catalog is 'Images known to the platform, their renditions, and the progress of their arrival.';
comment on table image_catalog.image is
'One row per image, from the moment it is durable in the raw bucket until it is purged.';
comment on column image_catalog.image.image_id is
'UUIDv5 of the origin: the same message, object version or upload always gets the same id.';
comment on column image_catalog.image.arrived_at is
'When the image reached the company (UTC): retention counts from here.';
comment on column image_catalog.image.source is 'The door it came through: kafka, bucket or upload.';
comment on column image_catalog.image.origin is 'topic/partition/offset, or bucket/key with its version.';
comment on column image_catalog.image.object_key is 'Key of the original in the raw bucket.';
comment on column image_catalog.image.object_version is 'Version of the original; null where the bucket keeps none.';
comment on column image_catalog.image.size_bytes is 'Length of the original in bytes.';
comment on column image_catalog.image.declared_content_type is 'Content type as the sender says; nothing relies on it.';
comment on column image_catalog.image.filename is 'File name as the sender says; never shown to analysts.';
comment on column image_catalog.image.uploader is 'Who sent it, as the sender says; never shown to analysts.';
comment on column image_catalog.image.state is 'waiting, processed or rejected.';
comment on column image_catalog.image.reason_code is 'Why it was rejected.';
comment on column image_catalog.image.quarantine_key is 'Key of a rejected original in the quarantine bucket.';
comment on column image_catalog.image.registered_at is 'When the row was written (UTC).';
comment on column image_catalog.image.finished_at is 'When it was processed or rejected (UTC).';
comment on column image_catalog.image.claimed_by is 'The run that works on it.';
comment on column image_catalog.image.lease_until is
'Until when the run in claimed_by may work on the image; after that anybody may.';
comment on column image_catalog.image.claim_count is 'How often a run took this image without finishing it.';
comment on column image_catalog.image.format is 'Format by content, as Pillow names it.';
comment on column image_catalog.image.mode is 'Pixel mode of the original, as Pillow names it.';
comment on column image_catalog.image.width_px is 'Width with the orientation applied, in pixels.';
comment on column image_catalog.image.height_px is 'Height with the orientation applied, in pixels.';
comment on column image_catalog.image.sha256 is 'SHA-256 digest of the original.';
comment on column image_catalog.image.processing_seconds is 'Decode, resize and encode in the worker, in seconds.';
comment on table image_catalog.rendition is 'One row per rendition in the processed bucket.';
comment on column image_catalog.rendition.rendition_name is 'Name of the rendition in its recipe.';
comment on column image_catalog.rendition.recipe_hash is 'Hash of the recipe that it was made by.';
comment on table image_catalog.arrival_count is
'One row per source and hour of arrival: how many images landed and how many were purged.';
comment on table image_catalog.kafka_offset is 'One row per topic partition: the next offset to land.';
comment on column image_catalog.kafka_offset.high_watermark is
'End of the partition as a fetch last reported it; a listed end can be too low.';
comment on table image_catalog.bucket_sweep is 'One row per bucket: progress of the reconciling listing.';

grant usage on schema image_catalog to darkroom_loader, darkroom_builder;
grant select, insert, update, delete on image_catalog.image, image_catalog.rendition,
image_catalog.kafka_offset, image_catalog.bucket_sweep to darkroom_loader;
grant select, update on image_catalog.arrival_count to darkroom_loader;
grant execute on function image_catalog.ensure_day(date) to darkroom_loader;

-- dbt sees what its models show, and neither names nor keys of single images' files.
grant select (
    image_id, source, arrived_at, registered_at, state, reason_code, finished_at,
    format, mode, size_bytes, width_px, height_px, processing_seconds
) on image_catalog.image to darkroom_builder;
grant select (
    image_id, arrived_at, rendition_name, recipe_hash, format, width_px, height_px, size_bytes, created_at
) on image_catalog.rendition to darkroom_builder;
grant select on image_catalog.arrival_count to darkroom_builder;
