"""Batches in the broker's own log that nobody can read: their neighbours land all the same."""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from crc32c import crc32c

from assets.ingestion.kafka.source import find_work
from tests.integration.topic import bodies_landed, fill, gaps_of, images, next_offsets

_MAGIC, _CRC, _ATTRIBUTES = 16, 17, 21


def sealed(batch: bytearray) -> None:
    """Gives a batch the checksum of its content."""
    batch[_CRC:_ATTRIBUTES] = struct.pack(">I", crc32c(bytes(batch[_ATTRIBUTES:])))


def corrupt(batch: bytearray) -> None:
    batch[-3] ^= 0xFF


def from_the_future(batch: bytearray) -> None:
    batch[_MAGIC] = 3


def compressed_as(codec: int) -> Callable[[bytearray], None]:
    def claim(batch: bytearray) -> None:
        batch[_ATTRIBUTES + 1] |= codec
        sealed(batch)

    return claim


def with_a_broken_header(batch: bytearray) -> None:
    at = batch.index(b"name")
    batch[at : at + 4] = b"n\xe4me"
    sealed(batch)


def damage(log: Path, changes: Sequence[Callable[[bytearray], None] | None]) -> None:
    """Changes the batches of a segment, each by the change at its place."""
    content, at = bytearray(log.read_bytes()), 0
    for change in changes:
        (length,) = struct.unpack_from(">i", content, at + 8)
        batch = content[at : at + 12 + length]
        if change is not None:
            change(batch)
        content[at : at + 12 + length] = batch
        at += len(batch)
    log.write_bytes(content)


def test_each_is_a_gap_and_a_rejected_image_in_quarantine(platform, apache_kafka, stack):
    changes = {
        1: corrupt,
        3: from_the_future,
        4: compressed_as(5),
        **{codec + 5: compressed_as(codec) for codec in (1, 2, 3, 4)},
        10: with_a_broken_header,
    }
    fill(platform, 0, images(12), [("name", b"value")])
    fill(platform, 1, images(2, "other"))
    apache_kafka.stop()
    folder = Path(stack.state.path("apache_kafka", "data")) / f"{platform.settings.kafka_topic}-0"
    damage(folder / f"{0:020}.log", [changes.get(offset) for offset in range(12)])
    stack.start()
    landed = platform.land()
    good = {f"image {offset}".encode() for offset in range(12) if offset not in changes}
    assert bodies_landed(platform) == {*good, *images(2, "other")}
    assert (landed.new_images, landed.rejected, landed.missing) == (14, 8, 8)
    reasons = {1: "corrupt", 3: "unknown_format", 4: "unknown_codec"}
    assert gaps_of(platform) == [
        (0, 0, offset, offset + 1, reasons.get(offset, "undecodable")) for offset in sorted(changes)
    ]
    assert platform.states() == {"waiting": 6, "message_unreadable": 8}
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 8
    assert next_offsets(platform)[0] == 12
    assert not find_work(platform)[0]
