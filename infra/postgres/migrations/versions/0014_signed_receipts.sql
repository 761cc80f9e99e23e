-- Receipts of format version 1 are chained and not signed. From version 2 on each is signed with a key that nobody who
-- administers the database holds, so that a recomputed chain does not verify.
alter table retention.purge_receipt
add column format_version smallint not null default 1,
add column requested_by text,
add column key_id text,
add column signature bytea,
add constraint receipts_are_signed_from_version_2_on check (
    (format_version = 1) = (signature is null) and (signature is null) = (key_id is null)
),
add constraint only_an_erasure_is_requested check (why = 'erasure' or requested_by is null);

comment on column retention.purge_receipt.format_version is
'1: chained; 2: signed as well, and the requesting role is recorded.';
comment on column retention.purge_receipt.requested_by is 'The role that requested an erasure.';
comment on column retention.purge_receipt.key_id is 'Which public key of the archive verifies the signature.';
comment on column retention.purge_receipt.signature is 'Ed25519 signature of the digest.';
