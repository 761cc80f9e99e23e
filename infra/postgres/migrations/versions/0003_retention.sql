-- What was deleted, when, and up to which arrival time. Counts and times only.
create table retention.purge_receipt (
    receipt_id bigint generated always as identity primary key,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    cutoff_at timestamptz not null,
    images_count bigint not null check (images_count >= 0),
    renditions_count bigint not null check (renditions_count >= 0),
    raw_objects_count bigint not null check (raw_objects_count >= 0),
    processed_objects_count bigint not null check (processed_objects_count >= 0),
    quarantined_objects_count bigint not null check (quarantined_objects_count >= 0),
    late_objects_count bigint not null check (late_objects_count >= 0)
);

comment on schema retention is 'Proof of what was deleted.';
comment on table retention.purge_receipt is 'One row per completed purge: counts and times, no personal data.';
comment on column retention.purge_receipt.cutoff_at is 'Everything that arrived before this time was purged.';
comment on column retention.purge_receipt.late_objects_count is 'Objects found by listing that no due row knew of: old versions, delete markers, strays.';

grant usage on schema retention to darkroom_loader;
grant select, insert on retention.purge_receipt to darkroom_loader;
