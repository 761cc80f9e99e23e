"""One landing run in a process of its own, which reports how much memory it held at most.

It loads the platform's definitions and executes their job `land_messages`, as a run's own process
does. The kernel keeps a process's peak resident size, so no sample can miss it.
"""

import dagster as dg

from benchmarks.memory import kernel_figure
from benchmarks.processes import answer, wait_for_start
from orchestration.definitions import defs


def main() -> None:
    """Lands all messages and answers with counts and bytes."""
    job = defs.resolve_job_def("land_messages")
    idle_bytes = kernel_figure("VmRSS")
    wait_for_start()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
    [landed] = result.asset_materializations_for_node("raw_bucket__landed_images")
    answer(
        {
            "messages": int(str(landed.metadata["messages"].value)),
            "idle_bytes": idle_bytes,
            "peak_bytes": kernel_figure("VmHWM"),
        }
    )


if __name__ == "__main__":
    main()
