"""One purge in a process of its own, which tells how long it took and how much memory it held.

`python -m benchmarks.retention_run` prints a line when it is ready, begins when it is sent one, and
prints one of JSON at its end. The kernel keeps a process's high-water mark, so no sample can miss
it.
"""

from __future__ import annotations

import json
import sys
import time

from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.retention.purge import Purge
from assets.retention.receipts import Copy
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.memory import kernel_figure


def main() -> None:
    """Purges what is due, however large a share of all images it is."""
    settings = Settings()
    store, warehouse = ObjectStore(settings), Warehouse.from_settings(settings)
    purge = Purge(settings, store, warehouse, may_take_any_share=True)
    idle_bytes = kernel_figure("VmRSS")
    _report("ready")
    sys.stdin.readline()
    began = time.perf_counter()
    gone = purge.run(utc_now())
    told = {
        "images": gone.items(Copy.LEDGER_ROW),
        "seconds": time.perf_counter() - began,
        "idle_bytes": idle_bytes,
        "peak_bytes": kernel_figure("VmHWM"),
    }
    _report(json.dumps(told))


def _report(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the answer to the process that started this one


if __name__ == "__main__":
    main()
