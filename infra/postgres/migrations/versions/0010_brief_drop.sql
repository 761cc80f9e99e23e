-- As before, but the day's own partitions are kept from changing while they are counted, and the whole ledger is locked
-- only for the moment that the drop takes. Who waits for a lock waits two seconds at most.
create or replace function image_catalog.drop_day(
    expired_day date, images_seen bigint, renditions_seen bigint
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    suffix text := to_char(expired_day, 'YYYYMMDD');
    sources text[];
    hours timestamptz[];
    counts bigint[];
    renditions bigint;
begin
    if not coalesce(
        (expired_day + 1)::timestamp at time zone 'UTC' <= (select expired_until from image_catalog.horizon), false
    ) then
        raise exception 'The day % is not expired as a whole.', expired_day using errcode = 'check_violation';
    end if;
    execute format('lock table image_catalog.image_%s, image_catalog.rendition_%s in share mode', suffix, suffix);
    execute format(
        'select array_agg(source), array_agg(arrived_hour), array_agg(images_count)
        from (
            select source, date_trunc(''hour'', arrived_at, ''UTC'') as arrived_hour, count(*) as images_count
            from image_catalog.image_%s
            group by 1, 2
        ) as counted',
        suffix
    ) into sources, hours, counts;
    execute format('select count(*) from image_catalog.rendition_%s', suffix) into renditions;
    if renditions <> renditions_seen or images_seen <> (select coalesce(sum(one), 0) from unnest(counts) as one) then
        return false;
    end if;
    update image_catalog.arrival_count as total
    set purged_count = total.purged_count + gone.images_count
    from unnest(sources, hours, counts) as gone (source, arrived_hour, images_count)
    where total.source = gone.source and total.arrived_hour = gone.arrived_hour;
    lock table only image_catalog.image, only image_catalog.rendition in access exclusive mode;
    execute format('drop table image_catalog.image_%s, image_catalog.rendition_%s', suffix, suffix);
    return true;
end
$$;
