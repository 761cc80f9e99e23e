-- What is found out about an image when it is processed, by which recipe and by what.
alter table image_catalog.image
add column frames_count integer check (frames_count > 0),
add column has_alpha boolean,
add column orientation smallint check (orientation between 1 and 8),
add column camera_make text,
add column camera_model text,
add column captured_local_time timestamp,
add column brightness real,
add column contrast real,
add column sharpness real,
add column dominant_colours text[],
add column perceptual_hash bigint,
add column recipe text,
add column recipe_hash text,
add column processor text,
add column fetch_seconds real,
add column wait_seconds real,
add column decode_seconds real,
add column render_seconds real,
add column encode_seconds real,
add column describe_seconds real,
add column store_seconds real;

comment on column image_catalog.image.frames_count is 'How many pictures the file holds; renditions show the first.';
comment on column image_catalog.image.has_alpha is 'Whether anything in the original may be transparent.';
comment on column image_catalog.image.orientation is 'EXIF orientation of the original, 1 to 8; null where it says none.';
comment on column image_catalog.image.camera_make is 'Maker of the camera, as the file says.';
comment on column image_catalog.image.camera_model is 'Model of the camera, as the file says.';
comment on column image_catalog.image.captured_local_time is
'When the picture was taken by the camera''s own clock, whose time zone is not known.';
comment on column image_catalog.image.brightness is 'Mean of the grey values, 0 (black) to 1 (white).';
comment on column image_catalog.image.contrast is 'Standard deviation of the grey values, 0 to 0.5.';
comment on column image_catalog.image.sharpness is
'Variance of the Laplacian of the grey values, of a copy of 256 px; blurred pictures have little.';
comment on column image_catalog.image.dominant_colours is 'Up to five colours as #rrggbb, the most frequent first.';
comment on column image_catalog.image.perceptual_hash is
'64 bits that differ little between pictures that look alike: count the bits of a # b.';
comment on column image_catalog.image.recipe is 'Name and version of the recipe of its renditions.';
comment on column image_catalog.image.recipe_hash is 'Digest of that recipe; it is part of the renditions'' keys.';
comment on column image_catalog.image.processor is 'Name and version of what made the renditions.';
comment on column image_catalog.image.fetch_seconds is 'Reading the original from the raw bucket.';
comment on column image_catalog.image.wait_seconds is 'Waiting for a worker process, and the way there and back.';
comment on column image_catalog.image.decode_seconds is 'Decoding, in the worker.';
comment on column image_catalog.image.render_seconds is 'The recipe''s steps, in the worker.';
comment on column image_catalog.image.encode_seconds is 'Encoding the renditions, in the worker.';
comment on column image_catalog.image.describe_seconds is 'Finding out what is known of the picture, in the worker.';
comment on column image_catalog.image.store_seconds is 'Writing the renditions to the processed bucket.';
comment on column image_catalog.image.processing_seconds is 'Decoding, rendering, encoding and describing together, in seconds.';
comment on column image_catalog.image.finished_at is
'When it was first processed, or when it was rejected (UTC); when another recipe made it anew, its renditions say.';
comment on column image_catalog.rendition.object_key is 'Key of the rendition in the processed bucket.';

-- Pictures that differ in at most three bits of 64 have one of these four parts in common.
create index image_hash_part_1 on image_catalog.image (((perceptual_hash >> 48) & 65535)) where perceptual_hash is not null;
create index image_hash_part_2 on image_catalog.image (((perceptual_hash >> 32) & 65535)) where perceptual_hash is not null;
create index image_hash_part_3 on image_catalog.image (((perceptual_hash >> 16) & 65535)) where perceptual_hash is not null;
create index image_hash_part_4 on image_catalog.image ((perceptual_hash & 65535)) where perceptual_hash is not null;

-- The planner looks for how many values an expression has in these, not in an index that leaves rows out.
create statistics image_catalog.image_hash_part_1_values on ((perceptual_hash >> 48) & 65535) from image_catalog.image;
create statistics image_catalog.image_hash_part_2_values on ((perceptual_hash >> 32) & 65535) from image_catalog.image;
create statistics image_catalog.image_hash_part_3_values on ((perceptual_hash >> 16) & 65535) from image_catalog.image;
create statistics image_catalog.image_hash_part_4_values on (perceptual_hash & 65535) from image_catalog.image;

-- The first of all finished images with the same bytes; those that wait are left out, so that making known costs nothing.
create index image_sha256 on image_catalog.image (sha256, arrived_at) where sha256 is not null and finished_at is not null;

-- Finds the images of a day, which is a partition, that another recipe than today's has made.
create index image_processed_by on image_catalog.image (recipe_hash) where state = 'processed';

-- Renditions that another recipe has replaced: noted in the transaction that replaces them, and deleted after it.
create table image_catalog.replaced_object (
    object_key text primary key,
    image_id uuid not null,
    recipe_hash text not null,
    replaced_at timestamptz not null default clock_timestamp()
);

create index replaced_object_image on image_catalog.replaced_object (image_id);

comment on table image_catalog.replaced_object is
'One row per object of the processed bucket that no rendition names any more and that is still to be deleted.';
comment on column image_catalog.replaced_object.object_key is 'Key of the object in the processed bucket.';
comment on column image_catalog.replaced_object.recipe_hash is
'Digest of the recipe that made it: when that recipe is wanted again, the object is wanted too and the row goes.';
