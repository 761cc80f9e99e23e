"""Whatever the bytes of a record batch are, reading them covers its offsets and raises nothing."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st
from kafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from kafka.record.memory_records import MemoryRecordsBuilder

from assets.resources.record_batches import ReadableBatch, UnreadableBytes, UnreadableReason

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
COUNT, BASE = 5, 100
MAGIC, CRC, ATTRIBUTES, BODY = 16, 17, 21, 61
ENCODERS = (bytes, gzip_encode, snappy_encode, lz4_encode, zstd_encode)


def batch(codec: str = "none", header: str = "name") -> bytearray:
    """Returns a batch of five records from offset 100 on, as a broker stores it."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=CODECS[codec], batch_size=2**20)
    for number in range(COUNT):
        builder.append(
            timestamp=1, key=b"key", value=b"image %d" % number, headers=[(header, b"value")]
        )
    builder.close()
    made = bytearray(builder.buffer())
    struct.pack_into(">q", made, 0, BASE)
    return made


def sealed(made: bytearray) -> bytearray:
    made[CRC:ATTRIBUTES] = struct.pack(">I", crc32c(bytes(made[ATTRIBUTES:])))
    return made


def read(made: bytearray) -> list[Any]:
    return list(ReadableBatch(memoryview(made)))


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_that_can_be_read_is_read_as_before(codec: str) -> None:
    records = read(batch(codec))
    assert [record.value for record in records] == [b"image %d" % one for one in range(COUNT)]
    assert [record.offset for record in records] == list(range(BASE, BASE + COUNT))


def corrupt(made: bytearray) -> bytearray:
    made[-1] ^= 0xFF
    return made


def from_the_future(made: bytearray) -> bytearray:
    made[MAGIC] = 3
    return made


def in_an_unknown_codec(made: bytearray) -> bytearray:
    made[ATTRIBUTES + 1] |= 7
    return sealed(made)


def in_no_codec_it_says(made: bytearray) -> bytearray:
    made[ATTRIBUTES + 1] |= 4
    return sealed(made)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (corrupt, UnreadableReason.CORRUPT),
        (from_the_future, UnreadableReason.UNKNOWN_FORMAT),
        (in_an_unknown_codec, UnreadableReason.UNKNOWN_CODEC),
        (in_no_codec_it_says, UnreadableReason.UNDECODABLE),
    ],
)
def test_a_batch_that_cannot_be_read_is_one_record_with_its_bytes_and_last_offset(
    change: Callable[[bytearray], bytearray], reason: UnreadableReason
) -> None:
    changed = change(batch())
    [record] = read(changed)
    assert (record.value, record.value.reason) == (bytes(changed), reason)
    assert (record.value.first_offset, record.offset) == (BASE, BASE + COUNT - 1)


@pytest.mark.parametrize("codec", CODECS)
def test_the_records_beside_one_that_cannot_be_read_are_read(codec: str) -> None:
    made = batch()
    third = made.index(b"name", made.index(b"image 2"))
    made[third] = 0xFF
    header, encode = made[:BODY], ENCODERS[CODECS[codec]]
    header[ATTRIBUTES + 1] |= CODECS[codec]
    records = read(sealed(header + encode(bytes(made[BODY:]))))
    assert [record.offset for record in records] == list(range(BASE, BASE + COUNT))
    lost = records.pop(2).value
    assert (lost.first_offset, lost.reason) == (BASE + 2, UnreadableReason.UNDECODABLE)
    assert b"image 2" in lost
    assert [record.value for record in records] == [b"image %d" % one for one in (0, 1, 3, 4)]
    assert records[-1].headers == [("name", b"value")]


@given(st.sampled_from(sorted(CODECS)), st.data())
def test_no_damage_makes_reading_fail_and_what_is_lost_is_within_the_batch(
    codec: str, data: st.DataObject
) -> None:
    made = batch(codec)
    places = st.integers(ATTRIBUTES, len(made) - 1)
    for at in data.draw(st.lists(places, min_size=1, max_size=4)):
        made[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        sealed(made)
    damaged = ReadableBatch(memoryview(made))
    for record in damaged:
        if isinstance(record.value, UnreadableBytes):
            assert BASE <= record.value.first_offset <= record.offset < damaged.next_offset
