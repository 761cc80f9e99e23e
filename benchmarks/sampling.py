"""Figures of processes, and the largest value of a figure while something runs."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass
class Maximum:
    """The largest value so far."""

    value: float = 0.0


@contextmanager
def maximum_of(measure: Callable[[], float], pause_seconds: float = 0.1) -> Iterator[Maximum]:
    """Measures repeatedly in a thread while the block runs; yields the largest value."""
    largest, done = Maximum(), threading.Event()

    def sample() -> None:
        while not done.wait(pause_seconds):
            largest.value = max(largest.value, measure())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield largest
    finally:
        done.set()
        sampler.join()


def kernel_figure(field: str, pid: int | None = None) -> int:
    """Reads one of the kernel's figures about a process, by default this one, in bytes.

    Source: proc_pid_status(5); `VmHWM` is the peak resident size, `VmRSS` the current one.
    """
    lines = Path(f"/proc/{pid or 'self'}/status").read_text().splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(kilobytes) * 1024


def resident_peak(process: psutil.Process) -> int:
    """Returns the peak resident size in bytes, or 0 if the process has just ended.

    Not `ru_maxrss`: a child's starts at the size of its parent.
    """
    try:
        return kernel_figure("VmHWM", process.pid)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return 0


def unshared_bytes(processes: Iterable[psutil.Process]) -> int:
    """Returns the unshared memory of processes together; one that has just ended has none."""
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += process.memory_full_info().uss
    return total


def cpu_seconds(process: psutil.Process) -> float:
    """Returns the CPU time of a process and its descendants.

    That of a descendant that has ended is included in its parent's.
    """
    return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True)))
