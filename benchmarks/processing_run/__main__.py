"""One processing run in a process of its own, which tells at its end what it took and held.

`python -m benchmarks.processing_run` materialises today's partition of the asset `renditions`, as
the job `process_images` does.
"""

import json
import resource
import time

import dagster as dg
import psutil

from assets.asset_keys import ARRIVAL_DAYS
from assets.processing.assets import renditions
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.memory import kernel_figure, peak_of_largest


def main() -> None:
    """Processes what waits today, and prints counts, seconds and bytes as one line of JSON."""
    settings, day = Settings(), utc_now().date().isoformat()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ARRIVAL_DAYS.name or "", [day])
        started, loading = time.perf_counter(), time.process_time()
        with peak_of_largest(psutil.Process().children) as worker:
            result = dg.materialize(
                [renditions],
                partition_key=day,
                instance=instance,
                run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
                resources={
                    "settings": settings,
                    "object_store": ObjectStore(settings),
                    "warehouse": Warehouse.from_settings(settings),
                },
            )
        seconds, spent = time.perf_counter() - started, time.process_time() - loading
    made = result.asset_materializations_for_node("renditions")[0]
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {
        "processed": made.metadata["processed"].value,
        "seconds": seconds,
        "run_cpu_seconds": spent,
        "workers_cpu_seconds": workers.ru_utime + workers.ru_stime,
        "run_peak_bytes": kernel_figure("VmHWM"),
        "worker_peak_bytes": worker.bytes,
    }
    print(json.dumps(told))  # noqa: T201 - the answer to the process that started this one


if __name__ == "__main__":
    main()
