"""Receipts as objects in a bucket of their own, so that the proof outlives the database.

A database that was restored from a dump has lost the newest receipts: they are read from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from pydantic import ConfigDict, TypeAdapter

from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.retention.receipts import rows as receipt_rows
from assets.retention.receipts.receipt import Receipt

_LOOKBACK_RECEIPTS = 10_000


def keep(warehouse: Warehouse, object_store: ObjectStore, bucket: str) -> int:
    """Stores the receipts that the archive lacks among the last ten thousand; returns how many.

    Raises `ServerError` when a server goes away or refuses; the next purge goes on from there.
    """
    with warehouse.connect() as connection:
        begin = max(0, receipt_rows.last_number(connection) - _LOOKBACK_RECEIPTS)
        kept = _first_versions(object_store, bucket, begin)
        lacking = [
            receipt
            for receipt in receipt_rows.read_receipts(connection, begin)
            if receipt.number not in kept
        ]
    for receipt in lacking:
        object_store.put(bucket, _key(receipt.number), to_json(receipt), "application/json")
    return len(lacking)


def read(object_store: ObjectStore, bucket: str, after: int = 0) -> Iterator[Receipt]:
    """Reads the archived receipts behind a number, in order, as they were first written.

    The bucket keeps versions: one that was overwritten or deleted since is read all the same.
    """
    for number, version in sorted(_first_versions(object_store, bucket, after).items()):
        yield from_json(object_store.get(bucket, _key(number), version))


def to_json(receipt: Receipt) -> bytes:
    """Returns a receipt as the archive keeps it: a JSON list of one."""
    return _adapter().dump_json([receipt])


def from_json(body: bytes) -> Receipt:
    """Returns an archived receipt.

    Raises `pydantic.ValidationError` when the object is not a receipt.
    """
    [receipt] = _adapter().validate_json(body)
    return receipt


def _first_versions(object_store: ObjectStore, bucket: str, after: int) -> dict[int, str | None]:
    """Returns the oldest version by number; a listing has the versions of a key newest first."""
    found: dict[int, str | None] = {}
    page = object_store.page_of_versions(bucket, _key(after), None)
    while True:
        found |= {int(one.key.partition(".")[0]): one.version for one in page.versions}
        if page.next_key is None:
            return found
        page = object_store.page_of_versions(bucket, page.next_key, page.next_version)


def _key(number: int) -> str:
    """Returns the key of a receipt; keys are in the order of the numbers."""
    return f"{number:012}.json"


@cache
def _adapter() -> TypeAdapter[list[Receipt]]:
    """Reads and writes a list of one: pydantic gives a dataclass by itself no configuration."""
    told = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    return TypeAdapter(list[Receipt], config=told)
