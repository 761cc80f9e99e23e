"""A run's heartbeat: while it beats, the run keeps what it has claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

from assets.catalog import leases
from assets.resources.warehouse import Warehouse

_HEARTBEATS_PER_LEASE = 3


@contextmanager
def heartbeat(
    warehouse: Warehouse, run_id: str, lease: timedelta, fail: Callable[[BaseException], None]
) -> Iterator[None]:
    """Renews a run's claims every third of their lease until the block ends.

    Args:
        warehouse: The heart has a connection of its own to it.
        run_id: Whose claims are renewed.
        lease: How long they last without a beat.
        fail: Called when a beat failed; none comes after it.
    """
    ended = Event()

    def beat() -> None:
        try:
            with warehouse.connect() as connection:
                connection.execute("set application_name to 'heartbeat'")
                connection.commit()
                while not ended.wait(lease.total_seconds() / _HEARTBEATS_PER_LEASE):
                    leases.renew_leases(connection, run_id, lease)
                    connection.commit()
        except Exception as error:  # noqa: BLE001 - the run raises it
            fail(error)

    thread = Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
