"""Record batches that cannot be read, so that one of them stops nothing else.

kafka-python fails a poll of all partitions when it cannot read a batch, and says neither which
batch that is nor where it ends. `install` replaces its class of batches by one that returns what
cannot be read as a record of its own.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from typing import Any

from kafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from kafka.errors import KafkaError, UnsupportedCodecError
from kafka.record import memory_records
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint
from snappy import UncompressError
from zstandard import ZstdError

_NEWEST_FORMAT = 2
_ATTRIBUTES, _COUNT = 5, 12  # fields of a batch's header
_DECODERS = (bytes, gzip_decode, snappy_decode, lz4_decode, zstd_decode)
_DECODING_ERRORS = (
    *(KafkaError, ValueError, OSError, EOFError, RuntimeError, MemoryError),
    *(struct.error, zlib.error, UncompressError, ZstdError),
)


class UnreadableReason(StrEnum):
    """Why a batch, or the rest of it, cannot be read."""

    CORRUPT = "corrupt"
    UNKNOWN_FORMAT = "unknown_format"
    UNKNOWN_CODEC = "unknown_codec"
    UNDECODABLE = "undecodable"


class UnreadableBytes(bytes):
    """A batch, or a record of it, that cannot be read; value of a record with its last offset."""

    first_offset: int
    reason: UnreadableReason


class ReadableBatch:
    """A batch of kafka-python of which every offset can be read, as a record or as bytes."""

    def __init__(self, buffer: memoryview) -> None:
        self._received = buffer
        self._batch: Any = DefaultRecordBatch(buffer)
        self._reason: UnreadableReason | None = None
        if self._batch.magic > _NEWEST_FORMAT:
            self._reason = UnreadableReason.UNKNOWN_FORMAT
        elif not self._batch.validate_crc():
            self._reason = UnreadableReason.CORRUPT

    def __getattr__(self, name: str) -> Any:
        """Returns what kafka-python's batch says about itself."""
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        """Returns the first record, as kafka-python reads it of control batches only."""
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        """Yields the records; what cannot be read is one with `UnreadableBytes`."""
        next_offset, reason = self._batch.base_offset, self._reason
        if reason is None:
            try:
                for record in self._batch:
                    yield record
                    next_offset = record.offset + 1
            except UnsupportedCodecError:
                reason = UnreadableReason.UNKNOWN_CODEC
            except _DECODING_ERRORS:
                reason = UnreadableReason.UNDECODABLE
                with suppress(*_DECODING_ERRORS, IndexError):
                    for offset, alone in self._separate():
                        if next_offset <= offset <= self.last_offset:
                            yield self._read_alone(offset, alone)
                            next_offset = offset + 1
        if reason is not None and next_offset <= self.last_offset:
            yield self._unreadable(self._received, next_offset, self.last_offset, reason)

    def _separate(self) -> Iterator[tuple[int, bytearray]]:
        """Yields offset and bytes of each record, as far as records say where the next begins."""
        body = bytes(self._received[self._batch.HEADER_STRUCT.size :])
        records, at = bytearray(_DECODERS[self._batch.compression_type](body)), 0
        while at < len(records):
            size, begin = decode_varint(records, at)
            if size <= 0:
                return
            _, after_timestamp = decode_varint(records, begin + 1)
            delta, _ = decode_varint(records, after_timestamp)
            yield self._batch.base_offset + delta, records[at : begin + size]
            at = begin + size

    def _read_alone(self, offset: int, record: bytearray) -> Any:
        """Reads a record as the only one of an uncompressed batch."""
        header = list(self._batch.HEADER_STRUCT.unpack_from(self._received))
        header[_ATTRIBUTES] -= self._batch.compression_type
        header[_COUNT] = 1
        try:
            [found] = DefaultRecordBatch(self._batch.HEADER_STRUCT.pack(*header) + record)
        except _DECODING_ERRORS:
            return self._unreadable(record, offset, offset, UnreadableReason.UNDECODABLE)
        return found

    def _unreadable(
        self,
        received: memoryview | bytearray,
        first_offset: int,
        last_offset: int,
        reason: UnreadableReason,
    ) -> Any:
        value = UnreadableBytes(received)
        value.first_offset, value.reason = first_offset, reason
        sent = self._batch.first_timestamp
        return DefaultRecord(len(value), last_offset, sent, 0, None, value, [])

    def validate_crc(self) -> bool:
        """Returns True: a batch with a wrong checksum is read as bytes."""
        return True

    @property
    def magic(self) -> int:
        """The format as which it is read."""
        return _NEWEST_FORMAT

    @property
    def is_control_batch(self) -> bool:
        """Whether it only says that a transaction ended."""
        return self._reason is None and bool(self._batch.is_control_batch)

    @property
    def last_offset(self) -> int:
        """Its last offset; the first if what an unreadable batch says cannot be believed."""
        delta: int = self._batch.last_offset_delta
        is_believed = self._reason is None or delta + 1 == self._batch.records_count
        return int(self._batch.base_offset) + (max(0, delta) if is_believed else 0)

    @property
    def next_offset(self) -> int:
        """The first offset after it."""
        return self.last_offset + 1


def install() -> None:
    """Has every consumer of this process read batches so."""
    memory_records.DefaultRecordBatch = ReadableBatch
