"""Lets threads reuse the memory that other threads have freed."""

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_ARENAS = 2


def share_heaps() -> None:
    """Makes all threads share two heaps of the C library; call it before they start.

    The GNU C library gives each thread its own heap. Images allocated and freed in many threads
    fragment all of them, to twice the memory that is in use. Other C libraries have no `mallopt`.
    Source: mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
