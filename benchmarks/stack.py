"""Servers of a benchmark's own, so that a running platform is left alone."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.source_clients import Addresses

# A measurement is one uploader, who sends more than the default rate limit allows.
_NO_RATE_LIMIT = {"UPLOAD_REQUESTS_PER_MINUTE": "1000000"}


@contextmanager
def fresh_stack(kafka: str = "tansu") -> Iterator[Stack]:
    """Runs servers, Kafka as `tansu` or `apache`, over a temporary folder for the block."""
    outside = {"KAFKA": kafka, **_NO_RATE_LIMIT}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as by Ctrl-C
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        stack = Stack(StateFolder(Path(folder)), free_ports(), outside)
        try:
            stack.start()
            yield stack
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave servers behind
            stack.stop()


def start_upload_api(stack: Stack) -> Addresses:
    """Starts the upload API; returns the addresses of the sources, with a key to it."""
    stack.start_upload_api()
    return Addresses.of(stack, "bench", folder="drop", answer_seconds=60)


@contextmanager
def fresh_platform(kafka: str = "tansu") -> Iterator[tuple[Stack, Addresses]]:
    """Starts a whole platform over a temporary folder, and stops and deletes it afterwards."""
    with fresh_stack(kafka) as stack:
        stack.start_dagster()
        yield stack, start_upload_api(stack)
