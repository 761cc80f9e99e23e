"""What distinguishes messages that had the same offset of a topic of the same name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Lineage:
    """A topic's incarnation, and the truncations of its partitions.

    A log that lost its end gives the lost offsets to other messages. The offsets from there on
    belong to a truncation of the partition, which are numbered from 1.

    Attributes:
        truncations: First lost offset of each truncation of a partition, in their order.
    """

    incarnation: int = 0
    truncations: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def count(self, partition: int) -> int:
        """Returns how often a partition was truncated."""
        return len(self.truncations.get(partition, ()))

    def truncation(self, partition: int, offset: int) -> int:
        """Returns the last truncation that lost an offset; 0 if none has."""
        lost = enumerate(self.truncations.get(partition, ()), 1)
        return max((number for number, first in lost if first <= offset), default=0)

    def truncated(self, partition: int, first_offset: int) -> "Lineage":
        """Returns the lineage after another truncation of a partition."""
        firsts = (*self.truncations.get(partition, ()), first_offset)
        return Lineage(self.incarnation, {**self.truncations, partition: firsts})
