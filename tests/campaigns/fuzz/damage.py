"""Valid files that are cut, flipped, spliced and overwritten: at every tenth, then at random."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from random import Random

from tests.campaigns.fuzz.files import HostileFile
from tests.campaigns.fuzz.samples import samples

_TENTHS = range(10)
_MAX_FLIPS = 24
_MAX_RUN_BYTES = 64

# Encoded numbers at which lengths, counts and sizes overflow.
_EDGES = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\0\0\0",
    b"\0\0\0\x80",
    b"\xff\xdc\xff\xdc",
    b"\0\0\0\1",
)

Damage = Callable[[bytes, Random], bytes]


def damage_at_each_tenth(seed: int) -> Iterator[HostileFile]:
    """Cuts every sample, and flips bits in it, at every tenth of its length."""
    for sample, body in samples().items():
        for tenth in _TENTHS:
            end = len(body) * tenth // 10
            name = f"{sample} cut at {tenth}/10"
            yield HostileFile("truncation", name, partial(bytes, body[:end]))
        for tenth in _TENTHS:
            name = f"{sample} with bits flipped in tenth {tenth}"
            yield HostileFile("bit flips", name, partial(_flip_tenth, body, tenth, seed))


def damage_at_random(seed: int) -> Iterator[HostileFile]:
    """Yields damaged samples without end; the nth depends on the seed and n only."""
    kinds = sorted(_DAMAGES)
    for number in count():
        kind = kinds[number % len(kinds)]
        sample = sorted(samples())[number // len(kinds) % len(samples())]
        make = partial(_damaged, sample, kind, f"{seed}/{number}")
        yield HostileFile(kind, f"{sample}, number {number}", make)


def _damaged(sample: str, kind: str, seed: str) -> bytes:
    return _DAMAGES[kind](samples()[sample], Random(seed))  # noqa: S311 - damage, no secret


def _flip_tenth(body: bytes, tenth: int, seed: int) -> bytes:
    rng = Random(f"{seed}/{tenth}/{len(body)}")  # noqa: S311 - damage, no secret
    start, end = len(body) * tenth // 10, len(body) * (tenth + 1) // 10
    return _flipped(body, rng, start, end)


def _flipped(body: bytes, rng: Random, start: int, end: int) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randint(1, _MAX_FLIPS)):
        changed[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _header_bits(body: bytes, rng: Random) -> bytes:
    """Flips bits in the first bytes only, where sizes and offsets are."""
    return _flipped(body, rng, 0, min(len(body), rng.choice((32, 64, 256, 1024))))


def _numbers(body: bytes, rng: Random) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = int(rng.random() ** 3 * (len(body) - 4))
        changed[at : at + 4] = rng.choice(_EDGES)
    return bytes(changed)


def _without_a_part(body: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(body))
    return body[:start] + body[start + rng.randint(1, _MAX_RUN_BYTES) :]


def _garbage(body: bytes, rng: Random) -> bytes:
    start, length = rng.randrange(len(body)), rng.randint(1, _MAX_RUN_BYTES)
    return body[:start] + rng.randbytes(length) + body[start + length :]


def _repeated_part(body: bytes, rng: Random) -> bytes:
    start, length = rng.randrange(len(body)), rng.randint(1, _MAX_RUN_BYTES)
    return body[:start] + body[start : start + length] * rng.randint(2, 500) + body[start:]


def _spliced(body: bytes, rng: Random) -> bytes:
    """Begins as one file and continues as another."""
    other = samples()[rng.choice(sorted(samples()))]
    return body[: rng.randrange(len(body))] + other[rng.randrange(len(other)) :]


_SINGLE: dict[str, Damage] = {
    "bit flips": lambda body, rng: _flipped(body, rng, 0, len(body)),
    "bit flips in the header": _header_bits,
    "truncation": lambda body, rng: body[: rng.randrange(len(body))],
    "overflowing numbers": _numbers,
    "missing parts": _without_a_part,
    "garbage": _garbage,
    "repeated parts": _repeated_part,
    "two files in one": _spliced,
    "header and noise": lambda body, rng: (
        body[: rng.randint(8, 200)] + rng.randbytes(rng.randint(0, 4000))
    ),
}


def _several(body: bytes, rng: Random) -> bytes:
    for _ in range(rng.randint(2, 4)):
        body = _SINGLE[rng.choice(sorted(_SINGLE))](body, rng) or b"\0" * 5
        body = body.ljust(5, b"\0")
    return body


_DAMAGES = {**_SINGLE, "several damages": _several}
