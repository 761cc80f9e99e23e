"""Receipts: what they say cannot be changed, taken out or put in unnoticed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from assets.retention import receipt_archive
from assets.retention.receipts import (
    GENESIS_HASH,
    ID_HASH_BYTES,
    Copy,
    DeletedCopies,
    DeletionReason,
    HashedIds,
    Receipt,
    Tally,
    hash_id,
    verify,
)
from assets.retention.signing import FileSigner, key_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
FORGER = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = {key_id(SIGNER.public_key): SIGNER.public_key}


def hashed(images: Iterable[UUID]) -> HashedIds:
    ids = HashedIds()
    ids.add(images)
    return ids


def receipt_of(
    ids: HashedIds,
    tally: Tally,
    *,
    number: int = 1,
    previous_hash: bytes = GENESIS_HASH,
    why: DeletionReason = DeletionReason.EXPIRY,
) -> Receipt:
    receipt = Receipt(
        number=number,
        why=why,
        began_at=NOON,
        ended_at=NOON + HOUR,
        expired_until=NOON - HOUR,
        images=len(ids.hashes),
        salt=ids.salt,
        id_hashes=ids.joined(),
        gone=tally.gone,
        previous_hash=previous_hash,
        hash=b"",
    )
    return replace(receipt, hash=receipt.digest())


def golden(number: int = 1, previous_hash: bytes = GENESIS_HASH) -> Receipt:
    ids = HashedIds(bytes(range(16)), [bytes([9]) * ID_HASH_BYTES, bytes([4]) * ID_HASH_BYTES])
    tally = Tally()
    for hours in (9, 8):
        tally.add(Copy.RAW_OBJECT, NOON - hours * HOUR, 1500)
        tally.add(Copy.LEDGER_ROW, NOON - hours * HOUR)
    return receipt_of(
        ids, tally, number=number, previous_hash=previous_hash, why=DeletionReason.ERASURE
    )


def chain(length: int) -> list[Receipt]:
    made: list[Receipt] = []
    for number in range(1, length + 1):
        tally = Tally()
        tally.add(Copy.LEDGER_ROW, NOON - number * HOUR)
        tally.add(Copy.RAW_OBJECT, NOON - number * HOUR, 1000 * number)
        previous = made[-1].hash if made else GENESIS_HASH
        made.append(receipt_of(hashed([uuid4()]), tally, number=number, previous_hash=previous))
    return made


def changes(receipt: Receipt) -> dict[str, Receipt]:
    [first, *others] = receipt.gone
    return {
        "why": replace(receipt, why=DeletionReason.ERASURE),
        "began": replace(receipt, began_at=receipt.began_at + timedelta(microseconds=1)),
        "ended": replace(receipt, ended_at=receipt.ended_at - timedelta(microseconds=1)),
        "horizon": replace(receipt, expired_until=None),
        "images": replace(receipt, images=2),
        "salt": replace(receipt, salt=bytes(16)),
        "an id": replace(receipt, id_hashes=bytes(ID_HASH_BYTES)),
        "a count": replace(receipt, gone=(replace(first, items=2), *others)),
        "bytes": replace(receipt, gone=(replace(first, size_bytes=1), *others)),
        "an age": replace(receipt, gone=(replace(first, oldest_at=NOON - 99 * HOUR), *others)),
        "a kind of copy": replace(receipt, gone=tuple(others)),
    }


def test_the_digest_of_a_receipt_is_computed_as_it_always_was() -> None:
    """Receipts are kept for years: one that was written by any version must verify."""
    receipt = golden(7, bytes([255]) * 32)
    assert receipt.hash.hex() == "70663682b1a088e07753b20aecd8273e72cadd00a6a444fea91c5b6d4a821c0d"
    without_horizon = replace(receipt, expired_until=None)
    assert (
        without_horizon.digest().hex()
        == "0beab621b15b8014af247293f31224eedbc7772536f8efe0609d2686d7113769"
    )


def test_the_order_in_which_images_went_cannot_be_read_from_a_receipt() -> None:
    assert golden().id_hashes == bytes([4]) * ID_HASH_BYTES + bytes([9]) * ID_HASH_BYTES


def pinned() -> Receipt:
    """A receipt without randomness."""
    ids = HashedIds(salt=bytes(range(16)))
    ids.add([UUID(int=3), UUID(int=1), UUID(int=2)])
    tally = Tally()
    tally.add(Copy.ORPHAN_OBJECT, NOON - 5 * HOUR, 20)
    tally.add(Copy.LEDGER_ROW, NOON - 3 * HOUR, items=2)
    tally.add(Copy.LEDGER_ROW, NOON - 2 * HOUR - timedelta(microseconds=5))
    return receipt_of(ids, tally, number=2, previous_hash=bytes(range(32)))


ARCHIVED = (
    b'[{"number":2,"why":"expiry","began_at":"2026-03-01T12:00:00Z",'
    b'"ended_at":"2026-03-01T13:00:00Z","expired_until":"2026-03-01T11:00:00Z","images":3,'
    b'"salt":"AAECAwQFBgcICQoLDA0ODw==",'
    b'"id_hashes":"DcrlOIehSxCGSAwTxj5nuzDD9-XsDLV3jg7F-YPNGITXbP5E0qdhsq69wMJFbIib",'
    b'"gone":[{"copy":"ledger_row","items":3,"size_bytes":0,"oldest_at":"2026-03-01T09:00:00Z",'
    b'"newest_at":"2026-03-01T09:59:59.999995Z"},{"copy":"stray_object","items":1,"size_bytes":20,'
    b'"oldest_at":"2026-03-01T07:00:00Z","newest_at":"2026-03-01T07:00:00Z"}],'
    b'"previous_hash":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",'
    b'"hash":"PMtV1SSC-smd1rJuBnsO-31NfyLjC4jMfmdVre3Z-ZE="}]'
)


def test_archived_receipts_never_change_their_form() -> None:
    assert receipt_archive.to_json(pinned()) == ARCHIVED
    assert receipt_archive.from_json(ARCHIVED) == pinned()


def test_kinds_of_copies_keep_the_names_that_receipts_hold() -> None:
    assert [copy.value for copy in Copy] == [
        *("ledger_row", "rendition_row", "raw_object", "processed_object", "quarantined_object"),
        *("stray_object", "delete_marker", "unfinished_upload", "log_object", "run_record"),
    ]


def test_a_chain_as_it_was_written_is_intact() -> None:
    assert verify(chain(4), KEYS) == []


def test_no_receipts_are_an_intact_chain() -> None:
    assert verify([], KEYS) == []


@pytest.mark.parametrize("what", changes(chain(1)[0]))
def test_a_receipt_that_says_something_else_is_found(what: str) -> None:
    receipts = chain(3)
    receipts[1] = changes(receipts[1])[what]
    assert verify(receipts, KEYS) == ["Receipt 2 was changed after it was written."]


def test_a_receipt_that_was_changed_with_its_digest_breaks_the_chain_behind_it() -> None:
    receipts = chain(3)
    forged = replace(receipts[1], images=0)
    receipts[1] = replace(forged, hash=forged.digest())
    assert verify(receipts, KEYS) == ["Receipt 3 does not follow the one before it."]


def test_a_receipt_that_is_missing_is_found() -> None:
    receipts = chain(4)
    del receipts[1]
    assert verify(receipts, KEYS) == ["Receipt 2 is missing: 3 comes after 1."]


def test_a_first_receipt_that_is_missing_is_found() -> None:
    assert verify(chain(2)[1:], KEYS) == ["Receipt 1 is missing: 2 comes after 0."]


def signed_chain(length: int, chained: int = 0) -> list[Receipt]:
    """Receipts of which the first ones are in format version 1."""
    made: list[Receipt] = []
    for receipt in chain(length):
        linked = replace(receipt, previous_hash=made[-1].hash if made else GENESIS_HASH)
        signs = receipt.number > chained
        linked = linked.signed(SIGNER) if signs else replace(linked, hash=linked.digest())
        made.append(linked)
    return made


def test_signed_receipts_are_intact_also_after_those_that_were_not_signed() -> None:
    assert verify(signed_chain(3), KEYS) == []
    assert verify(signed_chain(4, chained=2), KEYS) == []


def test_the_digest_and_the_signature_of_a_signed_receipt_are_made_as_they_always_were() -> None:
    receipt = replace(golden(), requested_by="darkroom_loader").signed(SIGNER)
    assert (receipt.version, receipt.key_id) == (2, "56475aa75463474c0285df5dbf2bcab7")
    assert receipt.hash.hex() == "a9599fdc9bd2d39441dfdf7fc58faf79b08802917c32120328eb61ccafc749d5"
    assert receipt.signature.hex() == (
        "755f3bfe5849208316c2ca094ad708f4ac4fb43d23d36f9d760e2b37cff1c1e9"
        "c338d29a0e9025ba4bf2fb20ae2a3f3a700de7a736c2d017a85f45662c57fd01"
    )


def test_a_chain_that_was_computed_again_without_the_key_is_found() -> None:
    receipts = signed_chain(2)
    forged = replace(receipts[1], images=0)
    receipts[1] = replace(forged, hash=forged.digest())
    assert verify(receipts, KEYS) == ["Receipt 2 has a signature that its key did not make."]


def test_a_chain_that_was_signed_with_another_key_is_found() -> None:
    receipts = signed_chain(1)
    receipts.append(replace(chain(2)[1], previous_hash=receipts[0].hash).signed(FORGER))
    assert verify(receipts, KEYS) == [
        "Receipt 2 is signed with a key that the archive does not publish."
    ]


@pytest.mark.parametrize(
    "harm", [{"version": 1}, {"key_id": None}, {"signature": None}], ids=["version", "key", "none"]
)
def test_a_receipt_without_a_signature_cannot_follow_a_signed_one(harm: dict) -> None:
    receipts = signed_chain(2)
    forged = replace(receipts[1], **harm)
    receipts[1] = replace(forged, hash=forged.digest())
    assert verify(receipts, KEYS) == [
        "Receipt 2 is not signed, although receipts were signed by then."
    ]


@pytest.mark.parametrize("harm", [{"requested_by": "x"}, {"version": 3}, {"key_id": "x"}])
def test_what_only_signed_receipts_say_is_part_of_their_digest(harm: dict) -> None:
    [receipt] = signed_chain(1)
    assert replace(receipt, **harm).digest() != receipt.hash


def test_a_signed_receipt_is_archived_with_everything_it_says() -> None:
    receipt = replace(golden(), requested_by="darkroom_uploader").signed(SIGNER)
    assert receipt_archive.from_json(receipt_archive.to_json(receipt)) == receipt


def test_receipts_that_changed_places_are_found() -> None:
    first, second, third = chain(3)
    assert verify([first, third, second], KEYS)


@pytest.mark.usefixtures("local_time_is_tokyo")
def test_a_receipt_has_the_same_digest_wherever_the_machine_is() -> None:
    assert pinned().hash.hex().startswith("3ccb55d52482fac99dd6b26e067b0e")


def test_the_same_moment_in_another_zone_has_the_same_digest() -> None:
    [receipt] = chain(1)
    elsewhere = receipt.began_at.astimezone(timezone(timedelta(hours=9)))
    assert replace(receipt, began_at=elsewhere).digest() == receipt.hash


@given(st.sets(st.uuids(), max_size=40), st.uuids())
def test_a_receipt_names_the_images_that_went_and_no_other(images: set[UUID], other: UUID) -> None:
    receipt = receipt_of(hashed(images), Tally())
    assert all(map(receipt.names, images))
    assert receipt.names(other) == (other in images)


@pytest.mark.parametrize("shift", [1, 8, ID_HASH_BYTES - 1])
def test_a_hash_that_lies_across_two_others_is_not_taken_for_an_image(shift: int) -> None:
    image = uuid4()
    [receipt] = chain(1)
    wanted = hash_id(receipt.salt, image)
    across = b"\0" * shift + wanted + b"\0" * (ID_HASH_BYTES - shift)
    assert not replace(receipt, id_hashes=across).names(image)
    assert replace(receipt, id_hashes=wanted + across).names(image)
    assert replace(receipt, id_hashes=across + wanted + across).names(image)


def test_the_hashes_of_a_receipt_can_be_read_one_by_one() -> None:
    first, second = bytes([4]) * ID_HASH_BYTES, bytes([9]) * ID_HASH_BYTES
    assert golden().separate_hashes() == {first, second}


def test_two_receipts_know_one_image_by_different_hashes() -> None:
    image = uuid4()
    first, second = hashed([image]), hashed([image])
    assert first.hashes != second.hashes


def test_a_tally_adds_up_by_kind_of_copy() -> None:
    tally, other = Tally(), Tally()
    tally.add(Copy.RAW_OBJECT, NOON, 10)
    other.add(Copy.RAW_OBJECT, NOON - HOUR, 5)
    other.add(Copy.LEDGER_ROW, NOON)
    tally += other
    assert tally.gone == (
        DeletedCopies(Copy.LEDGER_ROW, 1, 0, NOON, NOON),
        DeletedCopies(Copy.RAW_OBJECT, 2, 15, NOON - HOUR, NOON),
    )
    assert (tally.items(), tally.items(Copy.RAW_OBJECT)) == (3, 2)
