-- A dump knows nothing of images that arrived and were erased after it was taken. Their receipts do, by hashes of ids.
create table image_catalog.restored_erasure (
    id_salt bytea not null,
    id_hash bytea not null,
    erased_at timestamptz not null,
    primary key (id_salt, id_hash)
);
create index restored_erasure_at on image_catalog.restored_erasure (erased_at);

comment on table image_catalog.restored_erasure is
'One row per image of the erasure receipts that a restore has reapplied: it cannot be registered again.';
comment on column image_catalog.restored_erasure.id_hash is
'The first 16 bytes of SHA-256 over the salt and the image id, as in the receipt.';
