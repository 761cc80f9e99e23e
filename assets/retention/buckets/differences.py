"""Two long lists held against each other: what rows name, and what a bucket holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from assets.resources.objects import ObjectVersion
from assets.retention.buckets.ledger_snapshot import ObjectReference


def differences(
    names: Iterable[ObjectReference], listed: Iterable[ObjectVersion]
) -> Iterator[ObjectReference | ObjectVersion]:
    """Yields names without an object, and objects without a name, in the order of their keys.

    Both are read once and side by side; in memory is what rows name under one key. A name without
    a version is for whatever has its key.

    Args:
        names: In the order of their keys by code point, which is that of their bytes in UTF-8.
        listed: In the same order, as S3 lists.
    """
    named = groupby(names, key=lambda one: one.key)
    found = groupby(listed, key=lambda one: one.key)
    name, there = next(named, None), next(found, None)
    while name is not None or there is not None:
        if there is None or (name is not None and name[0] < there[0]):
            yield from name[1] if name else ()
            name = next(named, None)
        elif name is None or there[0] < name[0]:
            yield from there[1]
            there = next(found, None)
        else:
            yield from _under_one_key(name[1], there[1])
            name, there = next(named, None), next(found, None)


def _under_one_key(
    names: Iterable[ObjectReference], listed: Iterable[ObjectVersion]
) -> Iterator[ObjectReference | ObjectVersion]:
    all_names = list(names)
    versions = {name.version for name in all_names}
    seen = set[str | None]()
    for found in listed:
        if None not in versions and found.version not in versions:
            yield found
        seen |= {None, found.version} & versions
    yield from (name for name in all_names if name.version not in seen)
