"""The peak memory of processes: of all of them together, or of the largest one."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.1


@dataclass
class Peak:
    """The most bytes seen so far."""

    bytes: int = 0


@contextmanager
def peak_memory(processes: Callable[[], Iterable[psutil.Process]]) -> Iterator[Peak]:
    """Samples the unshared memory of processes together; they are looked up for every sample."""
    with _sampled(lambda: sum(map(_own_bytes, processes()))) as peak:
        yield peak


@contextmanager
def peak_of_largest(processes: Callable[[], Iterable[psutil.Process]]) -> Iterator[Peak]:
    """Samples the peak resident size, as recorded by the kernel, of the largest process.

    Not `ru_maxrss`: a child's starts at the size of its parent.
    """
    with _sampled(lambda: max(map(_resident_peak, processes()), default=0)) as peak:
        yield peak


@contextmanager
def _sampled(measure: Callable[[], int]) -> Iterator[Peak]:
    peak, done = Peak(), threading.Event()

    def sample() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            peak.bytes = max(peak.bytes, measure())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield peak
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


def _own_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def _resident_peak(process: psutil.Process) -> int:
    try:
        return kernel_figure("VmHWM", process.pid)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return 0  # it has just ended
