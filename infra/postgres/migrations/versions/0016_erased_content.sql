-- Erased bytes come back under other ids: in a recreated topic, from a restored broker or bucket. They are recognised by
-- a keyed hash of source, topic or bucket, uploader and digest, whose key is not in the database.
create table image_catalog.erased_content (
    content_hash bytea primary key check (length(content_hash) = 32),
    erased_at timestamptz not null
);
create index erased_content_at on image_catalog.erased_content (erased_at);

comment on table image_catalog.erased_content is
'One row per content that was erased within the retention age: no image with it is registered or processed.';
comment on column image_catalog.erased_content.content_hash is
'HMAC-SHA256 of source, topic or bucket, uploader and SHA-256 digest.';
