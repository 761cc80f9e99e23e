"""One landing run in a process of its own, which tells at its end how much memory it ever held.

`python -m benchmarks.landing_run` loads the platform's definitions and executes their job
`land_messages`, as a run's own process does. The kernel keeps a process's high-water mark, so no
sample can miss it.
"""

import json
from pathlib import Path

import dagster as dg

from orchestration.definitions import defs

_STATUS = Path("/proc/self/status")


def main() -> None:
    """Lands what waits, and prints counts and bytes as one line of JSON."""
    job = defs.resolve_job_def("land_messages")
    idle_bytes = _memory("VmRSS")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
    [made] = result.asset_materializations_for_node("raw_bucket__landed_images")
    told = {
        "messages": made.metadata["messages"].value,
        "idle_bytes": idle_bytes,
        "peak_bytes": _memory("VmHWM"),
    }
    print(json.dumps(told))  # noqa: T201 - the answer to the process that started this one


def _memory(field: str) -> int:
    """Reads one of the kernel's figures about this process, in bytes.

    Source: proc_pid_status(5); `VmHWM` is the peak resident size, `VmRSS` the present one.
    """
    lines = _STATUS.read_text().splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(kilobytes) * 1024


if __name__ == "__main__":
    main()
