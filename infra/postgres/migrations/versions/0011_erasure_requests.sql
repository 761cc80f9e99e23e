-- Which images are to be erased, and who requested it. A run that erases is given the number of a request only.
create table retention.erasure_request (
    request_no bigint generated always as identity primary key,
    requested_at timestamptz not null default clock_timestamp(),
    requesting_role text not null default session_user,
    source text,
    uploader text,
    image_ids uuid[] not null default '{}',
    completed_at timestamptz,
    constraint an_open_request_selects_images check (
        completed_at is not null or source is not null or uploader is not null or cardinality(image_ids) > 0
    )
);
create index erasure_request_open on retention.erasure_request (request_no) where completed_at is null;
create index erasure_request_uploader on retention.erasure_request (uploader) where uploader is not null;

comment on table retention.erasure_request is
'One row per requested erasure. Image ids and uploader are deleted within the retention period after completion.';
comment on column retention.erasure_request.requesting_role is 'The role that was logged in; receipts hold it.';
comment on column retention.erasure_request.source is 'Only images of this source.';
comment on column retention.erasure_request.uploader is 'Only images of this uploader.';
comment on column retention.erasure_request.image_ids is 'Only these images; empty: all that source and uploader select.';
comment on column retention.erasure_request.completed_at is 'When no copy of the images was left (UTC); null: not yet.';

alter table image_catalog.image add column withdrawn_by text;

comment on column image_catalog.image.withdrawn_at is
'When its erasure was requested: readers and runs no longer see it, and its objects and this row are about to be deleted.';
comment on column image_catalog.image.withdrawn_by is 'The role that requested its erasure.';

-- Withdraws the images that a request names in the transaction that inserts it. Ids alone also block images that are not
-- registered yet: registrations in flight end before, because they lock the same ids. Rows are locked without waiting,
-- again and again, and never while others are held: a run may wait for those and hold the missing one.
create function retention.withdraw_requested() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(uuid_hash_extended(image_id, 0))
    from (select distinct image_id from unnest(new.image_ids) as image_id order by image_id) as ordered;
    if new.source is null and new.uploader is null then
        insert into image_catalog.erased_image as known (image_id, erased_at)
        select distinct image_id, new.requested_at from unnest(new.image_ids) as image_id
        on conflict (image_id) do update set erased_at = greatest(known.erased_at, excluded.erased_at);
    end if;
    for attempt in 1..50 loop
        begin
            with due as (
                select image_id, arrived_at
                from image_catalog.image
                where image_id = any(new.image_ids)
                  and (new.source is null or source = new.source)
                  and (new.uploader is null or uploader = new.uploader)
                  and withdrawn_at is null
                order by image_id
                for update nowait
            ),
            withdrawn as (
                update image_catalog.image
                set withdrawn_at = new.requested_at, withdrawn_by = new.requesting_role,
                    claimed_by = null, lease_until = null
                from due
                where image.image_id = due.image_id and image.arrived_at = due.arrived_at
                returning image.image_id
            )
            insert into image_catalog.erased_image as known (image_id, erased_at)
            select image_id, new.requested_at from withdrawn
            on conflict (image_id) do update set erased_at = greatest(known.erased_at, excluded.erased_at);
            return null;
        exception when lock_not_available then
            if attempt = 50 then
                raise;
            end if;
            perform pg_sleep(0.05);
        end;
    end loop;
end
$$;

create trigger withdraw_requested after insert on retention.erasure_request
for each row when (cardinality(new.image_ids) > 0)
execute function retention.withdraw_requested();

-- Requests the erasure of an upload for its uploader, and returns the request's number: the same one when it is repeated,
-- null when the uploader has no such image. The upload API has no other right to erasures.
create function retention.request_erasure(owner text, wanted uuid) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    number bigint;
begin
    perform pg_advisory_xact_lock(uuid_hash_extended(wanted, 0));
    select min(request_no) into number
    from retention.erasure_request
    where uploader = owner and image_ids = array[wanted];
    if number is null then
        insert into retention.erasure_request (uploader, image_ids)
        select uploader, array[image_id]
        from image_catalog.image
        where image_id = wanted and source = 'upload' and uploader = owner and withdrawn_at is null
          and arrived_at > (select expired_until from image_catalog.horizon)
        returning request_no into number;
    end if;
    return number;
end
$$;

revoke all on function retention.withdraw_requested() from public;
revoke all on function retention.request_erasure(text, uuid) from public;
