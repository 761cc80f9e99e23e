"""One purge in a process of its own, which reports its time and how much memory it held at most.

The kernel keeps a process's peak resident size, so no sample can miss it.
"""

import time

from assets.platform import Platform
from assets.retention.purge import Purge
from assets.retention.receipts import Copy
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.memory import kernel_figure
from benchmarks.processes import answer, wait_for_start


def main() -> None:
    """Purges all due images, however large a share of all images they are."""
    purge = Purge(Platform.from_settings(Settings()), may_take_any_share=True)
    idle_bytes = kernel_figure("VmRSS")
    wait_for_start()
    began = time.perf_counter()
    deleted = purge.run(utc_now())
    answer(
        {
            "images": deleted.items(Copy.LEDGER_ROW),
            "seconds": time.perf_counter() - began,
            "idle_bytes": idle_bytes,
            "peak_bytes": kernel_figure("VmHWM"),
        }
    )


if __name__ == "__main__":
    main()
