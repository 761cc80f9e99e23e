-- What was purged before there was a chain of receipts has none: counts begin anew and still balance.
update image_catalog.arrival_count
set landed_count = landed_count - purged_count, purged_count = 0
where purged_count > 0;
drop table retention.purge_receipt;

-- One receipt per transaction that deleted: written in it, numbered without holes, each with the digest of the one before.
create table retention.purge_receipt (
    receipt_no bigint primary key check (receipt_no > 0),
    why text not null check (why in ('expiry', 'erasure')),
    began_at timestamptz not null,
    ended_at timestamptz not null,
    expired_until timestamptz,
    images_count bigint not null check (images_count >= 0),
    id_salt bytea not null,
    id_hashes bytea not null,
    previous_hash bytea not null unique,
    receipt_hash bytea not null unique,
    constraint an_expiry_says_until_when check ((why = 'expiry') = (expired_until is not null)),
    constraint every_image_has_a_hash check (length(id_hashes) = 16 * images_count)
);

create table retention.purged_copy (
    receipt_no bigint not null references retention.purge_receipt,
    copy text not null,
    items_count bigint not null check (items_count > 0),
    size_bytes bigint not null check (size_bytes >= 0),
    oldest_at timestamptz not null,
    newest_at timestamptz not null,
    primary key (receipt_no, copy),
    constraint the_oldest_is_not_younger check (oldest_at <= newest_at)
);

comment on schema retention is 'Proof of what was deleted.';
comment on table retention.purge_receipt is
'One row per transaction that deleted for retention, and per look that found nothing; no personal data.';
comment on column retention.purge_receipt.why is 'expiry: it had reached its age; erasure: somebody asked for it.';
comment on column retention.purge_receipt.expired_until is 'All that had arrived by then was due.';
comment on column retention.purge_receipt.id_salt is 'Random bytes that the hashes of this receipt begin with.';
comment on column retention.purge_receipt.id_hashes is
'The first 16 bytes of SHA-256 over salt and id of each image whose row went, in order, one behind the other.';
comment on column retention.purge_receipt.previous_hash is 'Digest of the receipt before; zeros in the first.';
comment on column retention.purge_receipt.receipt_hash is 'SHA-256 digest of all that this receipt says, the digest before included.';
comment on table retention.purged_copy is 'One row per receipt and kind of copy that went.';
comment on column retention.purged_copy.oldest_at is 'When the oldest of them had arrived or, where nobody knew, been stored.';

-- Readers see what arrived after the horizon. A purge raises it first, then deletes what is behind it.
create table image_catalog.horizon (
    expired_until timestamptz not null,
    is_the_only_one boolean primary key default true check (is_the_only_one)
);
insert into image_catalog.horizon (expired_until) values ('2000-01-01 00:00:00+00');

comment on table image_catalog.horizon is 'One row: images that arrived until then are expired, whether or not they are deleted yet.';

-- An image that somebody wants gone before its time.
alter table image_catalog.image add column withdrawn_at timestamptz;
create index image_withdrawn on image_catalog.image (withdrawn_at) where withdrawn_at is not null;

comment on column image_catalog.image.withdrawn_at is
'When its erasure was asked for: nobody sees it any more, and its objects and this row are about to go.';

-- A replay, a repeated upload or a late notification must not bring an erased image back.
create table image_catalog.erased_image (
    image_id uuid primary key,
    erased_at timestamptz not null default clock_timestamp()
);

comment on table image_catalog.erased_image is
'One row per image erased within the retention age: nothing of it becomes known again.';

-- Drops the partitions of a day that is over, and counts its images as purged. False if they are not what the caller
-- has seen, whose objects are deleted: then it looks again. Who waits for the lock waits two seconds at most.
create function image_catalog.drop_day(expired_day date, images_seen bigint, renditions_seen bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    suffix text := to_char(expired_day, 'YYYYMMDD');
    images bigint;
    renditions bigint;
begin
    if not coalesce(
        (expired_day + 1)::timestamp at time zone 'UTC' <= (select expired_until from image_catalog.horizon), false
    ) then
        raise exception 'The day % is not expired as a whole.', expired_day using errcode = 'check_violation';
    end if;
    lock table only image_catalog.image, only image_catalog.rendition in access exclusive mode;
    execute format('select count(*) from image_catalog.image_%s', suffix) into images;
    execute format('select count(*) from image_catalog.rendition_%s', suffix) into renditions;
    if images <> images_seen or renditions <> renditions_seen then
        return false;
    end if;
    execute format(
        'update image_catalog.arrival_count as total
        set purged_count = total.purged_count + gone.images
        from (
            select source, date_trunc(''hour'', arrived_at, ''UTC'') as arrived_hour, count(*) as images
            from image_catalog.image_%s
            group by 1, 2
        ) as gone
        where total.source = gone.source and total.arrived_hour = gone.arrived_hour',
        suffix
    );
    execute format('drop table image_catalog.image_%s, image_catalog.rendition_%s', suffix, suffix);
    return true;
end
$$;
