-- Callers of the upload API. Only a digest of a key is kept: keys are random and long, so a plain one is enough.
create table image_catalog.api_key (
    key_id text primary key,
    key_sha256 bytea not null unique,
    uploader text not null check (uploader ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz
);

comment on table image_catalog.api_key is 'One row per key of the upload API, revoked ones included.';
comment on column image_catalog.api_key.key_id is 'Public part of the key, by which people speak of it.';
comment on column image_catalog.api_key.key_sha256 is 'SHA-256 digest of the secret part; the secret itself is kept nowhere.';
comment on column image_catalog.api_key.uploader is 'Whose uploads the key sends and sees; several keys may share an uploader.';

-- An uploader's own images, newest first.
create index image_uploaded on image_catalog.image (uploader, arrived_at desc, image_id) where source = 'upload';

comment on column image_catalog.image.uploader is
'Who sent it: for uploads the uploader of the API key, otherwise as the sender says; never shown to analysts.';
comment on column image_catalog.image.quarantine_key is
'Key of the original in the quarantine bucket, once it was rejected; it stays there when the image is sent through again.';

-- A topic that was deleted and made again begins at offset 0 once more: its incarnation keeps the images apart.
create table image_catalog.kafka_topic (
    topic text primary key,
    incarnation integer not null default 0 check (incarnation >= 0),
    broker_topic_id uuid,
    began_at timestamptz not null default clock_timestamp()
);

comment on table image_catalog.kafka_topic is 'One row per topic that is landed.';
comment on column image_catalog.kafka_topic.incarnation is 'How often the topic was found made anew.';
comment on column image_catalog.kafka_topic.broker_topic_id is 'The brokers'' own identity of the topic; null where they tell none.';

-- Offsets that were never landed and cannot be any more.
create table image_catalog.kafka_gap (
    gap_id bigint generated always as identity primary key,
    topic text not null,
    incarnation integer not null,
    partition_no integer not null,
    first_offset bigint not null check (first_offset >= 0),
    next_offset bigint not null,
    reason_code text not null check (reason_code in ('expired', 'missing', 'topic_recreated')),
    noticed_at timestamptz not null default clock_timestamp(),
    explained_at timestamptz,
    explanation text,
    unique (topic, incarnation, partition_no, first_offset),
    constraint a_gap_has_offsets check (next_offset > first_offset),
    constraint an_explained_gap_says_how check ((explained_at is null) = (explanation is null))
);

comment on table image_catalog.kafka_gap is 'One row per range of offsets that the brokers no longer had when it was their turn.';
comment on column image_catalog.kafka_gap.next_offset is 'The first offset behind the gap.';
comment on column image_catalog.kafka_gap.reason_code is
'expired: older than what the brokers keep; missing: a hole amid messages; topic_recreated: left behind in a topic that was deleted.';
comment on column image_catalog.kafka_gap.explanation is 'What a person found out; until then a check is red.';

-- The whole listing goes in slices, each bounded; the recent hours are listed in each.
alter table image_catalog.bucket_sweep add column listed_at timestamptz;

comment on column image_catalog.bucket_sweep.listed_at is 'When the last slice of the listing ended (UTC).';
comment on column image_catalog.bucket_sweep.completed_at is 'When the listing last reached the end of the bucket (UTC).';

-- As before, but for two doors that meet at the beginning of a day: to_regclass remembers within a transaction that
-- a table was missing, and waiting for an advisory lock does not make it forget; the catalogue itself is read afresh.
create or replace function image_catalog.ensure_day(arrival_day date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    parent text;
    child text;
begin
    foreach parent in array array['image', 'rendition'] loop
        child := format('%s_%s', parent, to_char(arrival_day, 'YYYYMMDD'));
        continue when to_regclass(format('image_catalog.%I', child)) is not null;
        perform pg_advisory_xact_lock(hashtext('image_catalog.ensure_day'));
        continue when exists (
            select from pg_class where relname = child and relnamespace = 'image_catalog'::regnamespace
        );
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
