"""Servers of a benchmark's own, so that a running platform is left alone."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from assets.ingestion.upload import api_keys
from benchmarks.senders import Addresses
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.state import StateFolder

# A measurement is one uploader, who sends more than the default rate limit allows.
_NO_RATE_LIMIT = {"UPLOAD_REQUESTS_PER_MINUTE": "1000000"}
_UPLOADER = "bench"


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


def start_upload_api(stack: Stack) -> str:
    """Starts the upload API; returns a key to it."""
    key = api_keys.new_key()
    with psycopg.connect(stack.environment()["DATABASE_ADMIN_URL"]) as admin:
        api_keys.insert(admin, key, _UPLOADER)
    stack.start_upload_api()
    return key.text


@contextmanager
def fresh_platform(kafka: str = "tansu") -> Iterator[tuple[Stack, Addresses]]:
    """Starts a whole platform over a temporary folder, and stops and deletes it afterwards."""
    with fresh_stack(kafka) as stack:
        stack.start_dagster()
        upload_url = f"http://127.0.0.1:{stack.ports.upload_api}/v1/images"
        yield stack, Addresses(stack.settings(), upload_url, start_upload_api(stack))
