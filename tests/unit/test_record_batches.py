"""Whatever the bytes of a record batch are, reading them covers its offsets and raises nothing."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.memory_records import MemoryRecordsBuilder

from assets.resources.record_batches import ReadableBatch, UnreadableBytes, UnreadableReason

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
COUNT, BASE = 5, 100
MAGIC, CRC, ATTRIBUTES = 16, 17, 21


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


def test_the_records_before_one_that_cannot_be_read_are_read() -> None:
    made = batch()
    third = made.index(b"name", made.index(b"image 2"))
    made[third] = 0xFF
    first, second, rest = read(sealed(made))
    assert (first.value, second.value) == (b"image 0", b"image 1")
    assert (rest.value.first_offset, rest.offset) == (BASE + 2, BASE + COUNT - 1)
    assert rest.value.reason is UnreadableReason.UNDECODABLE


@given(st.sampled_from(sorted(CODECS)), st.data())
def test_no_damage_after_the_format_makes_reading_fail_or_skip_an_offset(
    codec: str, data: st.DataObject
) -> None:
    made = batch(codec)
    places = st.integers(ATTRIBUTES, len(made) - 1)
    for at in data.draw(st.lists(places, min_size=1, max_size=4)):
        made[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        sealed(made)
    damaged = ReadableBatch(memoryview(made))
    expected = BASE
    for record in damaged:
        if isinstance(record.value, UnreadableBytes):
            assert record.offset >= BASE
            expected = damaged.next_offset
        else:
            expected = record.offset + 1
    assert expected > BASE
