"""One processing run in a process of its own, which reports its time, CPU and memory.

It materialises today's partition of the asset `renditions`, as the job `process_images` does.
"""

import resource
import time

import dagster as dg
import psutil

from assets.asset_keys import ARRIVAL_DAYS
from assets.platform import Platform
from assets.processing.assets import renditions
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.memory import kernel_figure, peak_of_largest
from benchmarks.processes import answer, wait_for_start


def main() -> None:
    """Processes today's waiting images and answers with counts, seconds and bytes."""
    platform, day = Platform.from_settings(Settings()), utc_now().date().isoformat()
    wait_for_start()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ARRIVAL_DAYS.name or "", [day])
        started, cpu_started = time.perf_counter(), time.process_time()
        with peak_of_largest(psutil.Process().children) as worker:
            result = dg.materialize(
                [renditions],
                partition_key=day,
                instance=instance,
                run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
                resources={"platform": platform},
            )
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    materialization = result.asset_materializations_for_node("renditions")[0]
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer(
        {
            "processed": int(str(materialization.metadata["processed"].value)),
            "seconds": seconds,
            "run_cpu_seconds": cpu_seconds,
            "workers_cpu_seconds": workers.ru_utime + workers.ru_stime,
            "run_peak_bytes": kernel_figure("VmHWM"),
            "worker_peak_bytes": worker.bytes,
        }
    )


if __name__ == "__main__":
    main()
