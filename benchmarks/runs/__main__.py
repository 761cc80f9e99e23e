"""One run: it prepares, says that it is ready, and begins when its input has a line.

This is a package's main module, because spawned workers import a plain one again, but not a
package's. Dagster's own program is a package too, so its workers start as quickly.

The kernel keeps a process's peak resident size, so no sample can miss it.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

import dagster as dg
import psutil

from assets.asset_keys import ARRIVAL_DAYS
from assets.platform import Platform
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.runs import LandingRun, ProcessingRun, PurgeRun
from benchmarks.sampling import kernel_figure, maximum_of, resident_peak

_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def land() -> LandingRun:
    """Lands all messages by the job `land_messages`, as a run's own process does."""
    from orchestration.definitions import defs

    job = defs.resolve_job_def("land_messages")
    idle_bytes = kernel_figure("VmRSS")
    _wait_for_start()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, run_config=_QUIET)
    [landed] = result.asset_materializations_for_node("raw_bucket__landed_images")
    messages = int(str(landed.metadata["messages"].value))
    return LandingRun(messages, idle_bytes, kernel_figure("VmHWM"))


def process() -> ProcessingRun:
    """Materialises today's partition of `renditions`, as the job `process_images` does."""
    from assets.processing.assets import renditions

    platform, day = Platform.from_settings(Settings()), utc_now().date().isoformat()
    _wait_for_start()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ARRIVAL_DAYS.name or "", [day])
        started, cpu_started = time.perf_counter(), time.process_time()
        children = psutil.Process().children
        with maximum_of(lambda: max(map(resident_peak, children()), default=0)) as worker:
            result = dg.materialize(
                [renditions],
                partition_key=day,
                instance=instance,
                run_config=_QUIET,
                resources={"platform": platform},
            )
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    materialization = result.asset_materializations_for_node("renditions")[0]
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ProcessingRun(
        processed=int(str(materialization.metadata["processed"].value)),
        seconds=seconds,
        run_cpu_seconds=cpu_seconds,
        workers_cpu_seconds=workers.ru_utime + workers.ru_stime,
        run_peak_bytes=kernel_figure("VmHWM"),
        worker_peak_bytes=int(worker.value),
    )


def purge() -> PurgeRun:
    """Purges all due images, however large a share of all images they are."""
    from assets.retention.purge import Purge
    from assets.retention.receipts import Copy

    due = Purge(Platform.from_settings(Settings()), may_take_any_share=True)
    idle_bytes = kernel_figure("VmRSS")
    _wait_for_start()
    began = time.perf_counter()
    deleted = due.run(utc_now())
    seconds = time.perf_counter() - began
    return PurgeRun(deleted.items(Copy.LEDGER_ROW), seconds, idle_bytes, kernel_figure("VmHWM"))


def _wait_for_start() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    runs: dict[str, Callable[[], LandingRun | ProcessingRun | PurgeRun]] = {
        "LandingRun": land,
        "ProcessingRun": process,
        "PurgeRun": purge,
    }
    sys.stdout.write(json.dumps(asdict(runs[sys.argv[1]]())) + "\n")
