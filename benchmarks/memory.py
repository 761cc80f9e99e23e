"""The largest memory that some processes ever held at once, sampled while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.1
_STATUS = Path("/proc/self/status")


class Peak:
    """Bytes held by processes alone (not shared with others): the most seen at one moment."""

    def __init__(self) -> None:
        self.bytes = 0

    def see(self, processes: Iterable[psutil.Process]) -> None:
        """Adds up what the processes hold now."""
        self.bytes = max(self.bytes, sum(map(_own_bytes, processes)))


@contextmanager
def peak_memory(processes: Callable[[], Iterable[psutil.Process]]) -> Iterator[Peak]:
    """Samples the processes, asked for anew each time, as long as the block runs."""
    peak, done = Peak(), threading.Event()

    def sample() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            peak.see(processes())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield peak
    finally:
        done.set()
        sampler.join()


def kernel_figure(field: str) -> int:
    """Reads one of the kernel's figures about this process, in bytes.

    Source: proc_pid_status(5); `VmHWM` is the peak resident size, `VmRSS` the present one.
    """
    lines = _STATUS.read_text().splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(kilobytes) * 1024


def _own_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
