-- Every fact that views sum up is a fact of one row.
alter table image_catalog.image add column renditions_bytes bigint check (renditions_bytes >= 0);

comment on column image_catalog.image.renditions_bytes is
'Sum of the renditions'' sizes, in bytes; null until it is processed.';

update image_catalog.image
set renditions_bytes = made.size_bytes
from (
    select
        image_id,
        arrived_at,
        sum(size_bytes)::bigint as size_bytes
    from image_catalog.rendition
    group by image_id, arrived_at
) as made
where image.image_id = made.image_id and image.arrived_at = made.arrived_at and image.state = 'processed';

-- Finds the images that a purge has hidden and not deleted yet, and the oldest image.
create index image_arrived_at on image_catalog.image (arrived_at);

-- What statements changed since it was last added to the totals: signed differences, no identifier of an image.
create table change_queue.image_difference (
    source text not null,
    arrived_on date not null,
    state text not null,
    reason_code text,
    format text,
    mode text,
    recipe text,
    images bigint not null,
    size_bytes bigint not null,
    renditions_bytes bigint not null,
    pixels bigint not null,
    frames bigint not null,
    animated_images bigint not null,
    alpha_images bigint not null,
    alpha_known_images bigint not null
);

create table image_catalog.image_total (
    like change_queue.image_difference,
    unique nulls not distinct (arrived_on, source, state, reason_code, format, mode, recipe)
);

create table change_queue.timing_difference (
    change_id bigint generated always as identity,
    source text not null,
    period_at timestamptz not null,
    measure text not null,
    bucket smallint not null,
    images bigint not null
);

-- The arrays have one element per bucket that has images, in ascending order of the buckets.
create table image_catalog.image_timing (
    period_at timestamptz not null,
    source text not null,
    measure text not null,
    images bigint not null,
    median_seconds numeric(12, 4) not null,
    p95_seconds numeric(12, 4) not null,
    buckets smallint[] not null,
    bucket_images bigint[] not null,
    primary key (period_at, source, measure)
);

-- The facts of images that are not withdrawn, as text, because the changed rows of a statement cannot be passed to a
-- function. The relation has a column `sign` beside those of an image.
create function image_catalog.facts_of(images text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select format(
        $facts$
        select
            sign,
            arrived_at,
            source,
            (arrived_at at time zone 'UTC')::date as arrived_on,
            state,
            case when state = 'rejected' then reason_code end as reason_code,
            case when state = 'processed' then format end as format,
            case when state = 'processed' then mode end as mode,
            case when state = 'processed' then recipe end as recipe,
            size_bytes,
            case when state = 'processed' then coalesce(renditions_bytes, 0) else 0 end as renditions_bytes,
            case when state = 'processed' then coalesce(width_px::bigint * height_px, 0) else 0 end as pixels,
            case when state = 'processed' then coalesce(frames_count, 1) else 0 end as frames,
            (state = 'processed' and coalesce(frames_count > 1, false))::integer as animated_images,
            (state = 'processed' and coalesce(has_alpha, false))::integer as alpha_images,
            (state = 'processed' and has_alpha is not null)::integer as alpha_known_images
        from %s as image
        where withdrawn_at is null
        $facts$,
        images
    )
$$;

-- The times of those images. Bucket 0 is for less than 0.1 ms; bucket n begins at 0.1 ms * 1.1^(n-1), so that its middle is
-- less than 5 % away from every time in it. Times that are not known are left out; an image that was rejected on arrival
-- is finished just before its row is written. Of one that waits only the registration is known.
create function image_catalog.timings_of(images text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select format(
        $timings$
        select
            sign,
            arrived_at,
            source,
            date_bin(
                case when measure = 'to_processed' then interval '1 day' else interval '1 hour' end,
                arrived_at, timestamptz '2000-01-01 00:00:00+00'
            ) as period_at,
            measure,
            case
                when seconds < 0.0001 then 0
                else 1 + floor(ln(least(seconds, 1e7) / 0.0001) / ln(1.1::double precision))
            end::smallint as bucket
        from (
            select
                sign,
                arrived_at,
                source,
                unnest(
                    case when state = 'waiting' then '{registered}'
                    else '{registered,finished,processed,to_processed,fetch,wait,decode,render,encode,describe,store}'
                    end::text[]
                ) as measure,
                unnest(
                    extract(epoch from registered_at - arrived_at)::double precision
                    || case when state <> 'waiting' then array[
                        extract(epoch from finished_at - registered_at)::double precision,
                        case when state = 'processed' then 0 end,
                        case when state = 'processed' then extract(epoch from finished_at - arrived_at)::double precision end,
                        fetch_seconds, wait_seconds, decode_seconds, render_seconds, encode_seconds, describe_seconds,
                        store_seconds
                    ] end
                ) as seconds
            from %s as image
            where withdrawn_at is null
        ) as timing
        where seconds is not null
        $timings$,
        images
    )
$$;

-- The same as percentile_cont: interpolates between the two images beside the rank. The middle of its bucket stands for a
-- time; first_ranks are the ranks, from 0 on, of the first images of the buckets.
create function image_catalog.percentile_of(share numeric, images bigint, buckets smallint[], first_ranks bigint[])
returns double precision
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select sum(
        weight * case when bucket = 0 then 0 else 0.0001 * 1.1::double precision ^ (bucket - 0.5) end
    )
    from (select share * (images - 1) as rank) as place
    cross join lateral (
        values
        (buckets[width_bucket(floor(rank)::bigint, first_ranks)], 1 - rank % 1),
        (buckets[width_bucket(ceil(rank)::bigint, first_ranks)], rank % 1)
    ) as beside (bucket, weight)
$$;

do $$
declare
    images constant text := '(select 1 as sign, image.* from image_catalog.image)';
begin
    execute 'create view image_catalog.image_fact as ' || image_catalog.facts_of(images);
    execute 'create view image_catalog.image_time as ' || image_catalog.timings_of(images);
end
$$;

-- Adds the differences that are committed to the totals. A reader adds up both in one statement, so it sees the same before
-- and after. Nobody waits: while another transaction adds, this does nothing.
create function image_catalog.add_differences() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    oldest_day constant date := (select (expired_until at time zone 'UTC')::date from image_catalog.horizon);
begin
    begin
        lock table image_catalog.image_total in share row exclusive mode nowait;
    exception when lock_not_available then
        return;
    end;
    with added as (
        delete from change_queue.image_difference returning *
    )
    insert into image_catalog.image_total as total
    select
        source, arrived_on, state, reason_code, format, mode, recipe,
        sum(images), sum(size_bytes), sum(renditions_bytes), sum(pixels), sum(frames), sum(animated_images),
        sum(alpha_images), sum(alpha_known_images)
    from added
    group by source, arrived_on, state, reason_code, format, mode, recipe
    on conflict (arrived_on, source, state, reason_code, format, mode, recipe) do update set
        images = total.images + excluded.images,
        size_bytes = total.size_bytes + excluded.size_bytes,
        renditions_bytes = total.renditions_bytes + excluded.renditions_bytes,
        pixels = total.pixels + excluded.pixels,
        frames = total.frames + excluded.frames,
        animated_images = total.animated_images + excluded.animated_images,
        alpha_images = total.alpha_images + excluded.alpha_images,
        alpha_known_images = total.alpha_known_images + excluded.alpha_known_images;
    delete from image_catalog.image_total where images = 0 or arrived_on < oldest_day;

    with added as (
        delete from change_queue.timing_difference returning *
    ),
    summed as (
        select period_at, source, measure, bucket, sum(images)::bigint as images
        from (
            select period_at, source, measure, bucket, images
            from added
            union all
            select period_at, source, measure, known.bucket, known.images
            from image_catalog.image_timing
            cross join lateral unnest(image_timing.buckets, image_timing.bucket_images) as known (bucket, images)
            where (period_at, source, measure) in (select period_at, source, measure from added)
        ) as part
        group by period_at, source, measure, bucket
    ),
    ranked as (
        select *, sum(images) over (partition by period_at, source, measure order by bucket) - images as first_rank
        from summed
    ),
    counted as (
        select
            period_at, source, measure, sum(images)::bigint as images,
            coalesce(array_agg(bucket order by bucket) filter (where images <> 0), '{}') as buckets,
            coalesce(array_agg(images order by bucket) filter (where images <> 0), '{}') as bucket_images,
            coalesce(array_agg(first_rank::bigint order by bucket) filter (where images <> 0), '{}') as first_ranks
        from ranked
        group by period_at, source, measure
    )
    insert into image_catalog.image_timing
    select
        period_at, source, measure, images,
        coalesce(image_catalog.percentile_of(0.5, images, buckets, first_ranks), 0),
        coalesce(image_catalog.percentile_of(0.95, images, buckets, first_ranks), 0),
        buckets, bucket_images
    from counted
    on conflict (period_at, source, measure) do update set
        images = excluded.images, median_seconds = excluded.median_seconds, p95_seconds = excluded.p95_seconds,
        buckets = excluded.buckets, bucket_images = excluded.bucket_images;
    delete from image_catalog.image_timing
    where images = 0 or period_at < oldest_day::timestamp at time zone 'UTC';
end
$$;

-- Appends what a statement changed. When the numbers of the differences pass another 5,000, it adds them to the totals, so
-- that a reader never has to add up many more.
create function change_queue.note_images() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    changed constant text := case tg_op
        when 'INSERT' then '(select 1 as sign, arrived.* from arrived)'
        when 'DELETE' then '(select -1 as sign, gone.* from gone)'
        else '(select 1 as sign, arrived.* from arrived union all select -1, gone.* from gone)'
    end;
    first_change bigint;
    last_change bigint;
begin
    -- A waiting image has no fact that an update changes: leases, the most frequent updates, cost only this.
    if tg_op = 'UPDATE' then
        if not exists (select from arrived where state <> 'waiting' or withdrawn_at is not null)
            and not exists (select from gone where state <> 'waiting' or withdrawn_at is not null)
        then
            return null;
        end if;
    end if;
    execute format(
        $note$
        with counted as (
            insert into change_queue.image_difference
            select
                source, arrived_on, state, reason_code, format, mode, recipe,
                sum(sign) as images, sum(sign * size_bytes) as size_bytes,
                sum(sign * renditions_bytes) as renditions_bytes, sum(sign * pixels) as pixels,
                sum(sign * frames) as frames, sum(sign * animated_images) as animated_images,
                sum(sign * alpha_images) as alpha_images, sum(sign * alpha_known_images) as alpha_known_images
            from (%s) as fact
            group by source, arrived_on, state, reason_code, format, mode, recipe
            having (
                sum(sign), sum(sign * size_bytes), sum(sign * renditions_bytes), sum(sign * pixels), sum(sign * frames),
                sum(sign * animated_images), sum(sign * alpha_images), sum(sign * alpha_known_images)
            ) <> (0, 0, 0, 0, 0, 0, 0, 0)
        ),
        timed as (
            insert into change_queue.timing_difference (source, period_at, measure, bucket, images)
            select source, period_at, measure, bucket, sum(sign)
            from (%s) as timing
            group by source, period_at, measure, bucket
            having sum(sign) <> 0
            returning change_id
        )
        select min(change_id), max(change_id) from timed
        $note$,
        image_catalog.facts_of(changed), image_catalog.timings_of(changed)
    ) into first_change, last_change;
    if first_change / 5000 <> (last_change + 1) / 5000 then
        perform image_catalog.add_differences();
    end if;
    return null;
end
$$;

-- Appends what totals and differences lack beside the ledger, and returns in how many rows they were wrong: 0 unless rows
-- were written without the triggers. One statement sees one state of all of them, so images may change meanwhile.
create function image_catalog.recount_images() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    oldest_day constant date := (select (expired_until at time zone 'UTC')::date from image_catalog.horizon);
    wrong_totals bigint;
    wrong_timings bigint;
begin
    insert into change_queue.image_difference
    select
        source, arrived_on, state, reason_code, format, mode, recipe,
        sum(images), sum(size_bytes), sum(renditions_bytes), sum(pixels), sum(frames), sum(animated_images),
        sum(alpha_images), sum(alpha_known_images)
    from (
        select
            source, arrived_on, state, reason_code, format, mode, recipe, 1 as images, size_bytes, renditions_bytes,
            pixels, frames, animated_images, alpha_images, alpha_known_images
        from image_catalog.image_fact
        where arrived_at >= oldest_day::timestamp at time zone 'UTC'
        union all
        select
            source, arrived_on, state, reason_code, format, mode, recipe, -images, -size_bytes, -renditions_bytes,
            -pixels, -frames, -animated_images, -alpha_images, -alpha_known_images
        from (
            select * from image_catalog.image_total
            union all
            select * from change_queue.image_difference
        ) as known
        where arrived_on >= oldest_day
    ) as part
    group by source, arrived_on, state, reason_code, format, mode, recipe
    having (
        sum(images), sum(size_bytes), sum(renditions_bytes), sum(pixels), sum(frames), sum(animated_images),
        sum(alpha_images), sum(alpha_known_images)
    ) <> (0, 0, 0, 0, 0, 0, 0, 0);
    get diagnostics wrong_totals = row_count;

    insert into change_queue.timing_difference (source, period_at, measure, bucket, images)
    select source, period_at, measure, bucket, sum(images)
    from (
        select source, period_at, measure, bucket, 1 as images
        from image_catalog.image_time
        where arrived_at >= oldest_day::timestamp at time zone 'UTC'
        union all
        select source, period_at, measure, known.bucket, -known.images
        from image_catalog.image_timing
        cross join lateral unnest(image_timing.buckets, image_timing.bucket_images) as known (bucket, images)
        where period_at >= oldest_day::timestamp at time zone 'UTC'
        union all
        select source, period_at, measure, bucket, -images
        from change_queue.timing_difference
        where period_at >= oldest_day::timestamp at time zone 'UTC'
    ) as part
    group by source, period_at, measure, bucket
    having sum(images) <> 0;
    get diagnostics wrong_timings = row_count;
    return wrong_totals + wrong_timings;
end
$$;

comment on schema change_queue is 'What changed and is not in the totals yet: keys in the sales tables, differences of the images.';
comment on table change_queue.image_difference is
'One row per statement and group of images that it changed, until it is added to image_catalog.image_total.';
comment on table image_catalog.image_total is
'One row per group of images that are not withdrawn: what they add up to, together with the differences that wait.';
comment on table change_queue.timing_difference is
'One row per statement and bucket of times that it changed, until it is added to image_catalog.image_timing.';
comment on column change_queue.timing_difference.change_id is 'Order of appending, which need not be that of committing.';
comment on table image_catalog.image_timing is
'One row per source, hour or day of arrival and measure: how many images took how long, with the differences that wait.';
comment on column image_catalog.image_timing.period_at is 'Start of the UTC hour of arrival, of the day for to_processed.';
comment on column image_catalog.image_timing.measure is
'registered, finished and to_processed are times between moments, the stages those of processing; processed only counts.';
comment on column image_catalog.image_timing.buckets is 'Numbers of the buckets that have images; see timings_of.';
comment on column image_catalog.image_timing.bucket_images is 'Number of images in each of them.';
comment on column image_catalog.image_timing.images is 'Number of images whose time is known.';
comment on column image_catalog.image_timing.median_seconds is 'Median; at most 5 % away.';
comment on column image_catalog.image_timing.p95_seconds is '95th percentile; at most 5 % away.';
comment on view image_catalog.image_fact is 'One row per image that is not withdrawn: the facts that are summed up.';
comment on view image_catalog.image_time is 'One row per image that is not withdrawn and measure: the bucket of its time.';
comment on function image_catalog.facts_of(text) is 'Query for the facts of images that are summed up.';
comment on function image_catalog.timings_of(text) is 'Query for the buckets of the images'' times.';
comment on function image_catalog.percentile_of(numeric, bigint, smallint[], bigint[]) is
'Percentile of times in buckets, in seconds.';
comment on function image_catalog.add_differences() is 'Adds the differences that wait to the totals, and deletes expired totals.';
comment on function image_catalog.recount_images() is 'Corrects the totals by the ledger; returns how many rows were wrong.';
comment on function change_queue.note_images() is 'Appends what a statement changed in the sums over images.';

revoke all on function image_catalog.facts_of(text) from public;
revoke all on function image_catalog.timings_of(text) from public;
revoke all on function image_catalog.percentile_of(numeric, bigint, smallint[], bigint[]) from public;
revoke all on function image_catalog.add_differences() from public;
revoke all on function image_catalog.recount_images() from public;
revoke all on function change_queue.note_images() from public;

-- What is there already.
select image_catalog.recount_images();
select image_catalog.add_differences();

-- One trigger for each kind of change: PostgreSQL gives the changed rows as a table to triggers of one kind only.
create trigger note_inserted after insert on image_catalog.image
referencing new table as arrived
for each statement execute function change_queue.note_images();
create trigger note_updated after update on image_catalog.image
referencing old table as gone new table as arrived
for each statement execute function change_queue.note_images();
create trigger note_deleted after delete on image_catalog.image
referencing old table as gone
for each statement execute function change_queue.note_images();
