"""Servers of a benchmark's own, so that nothing of a running platform is touched."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.stack import Stack, free_ports
from infra.local.state import StateFolder


@contextmanager
def fresh_stack() -> Iterator[Stack]:
    """Starts servers over a temporary folder, and stops them and deletes it afterwards."""
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        stack = Stack(StateFolder(Path(folder)), free_ports())
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
