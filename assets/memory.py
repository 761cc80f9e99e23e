"""Memory that threads have freed is used again by other threads."""

from __future__ import annotations

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_ARENAS = 2


def share_heaps() -> None:
    """Has all threads share two heaps of the C library; call it before they begin.

    The GNU C library gives each thread a heap of its own. Images that come and go in many threads
    leave all of these full of holes: at twice the resident size of what is in use. Other C
    libraries have no such habit, and nothing to set. Source: mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
