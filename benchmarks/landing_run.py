"""One landing run in a process of its own, which tells at its end how much memory it ever held.

`python -m benchmarks.landing_run` loads the platform's definitions and executes their job
`land_messages`, as a run's own process does. The kernel keeps a process's high-water mark, so no
sample can miss it.
"""

import json

import dagster as dg

from benchmarks.memory import kernel_figure
from orchestration.definitions import defs


def main() -> None:
    """Lands what waits, and prints counts and bytes as one line of JSON."""
    job = defs.resolve_job_def("land_messages")
    idle_bytes = kernel_figure("VmRSS")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
    [made] = result.asset_materializations_for_node("raw_bucket__landed_images")
    told = {
        "messages": made.metadata["messages"].value,
        "idle_bytes": idle_bytes,
        "peak_bytes": kernel_figure("VmHWM"),
    }
    print(json.dumps(told))  # noqa: T201 - the answer to the process that started this one


if __name__ == "__main__":
    main()
