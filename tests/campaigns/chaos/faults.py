"""Faults: which are injected and when, drawn from a seed, and how.

A fault kills or pauses processes that the campaign's stack has started, cuts or delays the
connections to them, deletes what they depend on, fills a server's disk, or erases images while they
are requeued and purged.
"""

import resource
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from random import Random
from threading import Timer
from typing import Final

import psutil

from assets.errors import ServerError
from assets.platform import Platform
from assets.resources.event_log import administrator
from assets.resources.object_store import ObjectStore
from infra.local.dagster import run_processes
from infra.local.stack import Stack
from tests.campaigns.chaos.erasures import ErasureRace
from tests.campaigns.chaos.platform import report
from tests.campaigns.chaos.proxy import Network


class FaultKind(StrEnum):
    """The kinds of faults."""

    KILL = "kill"
    PAUSE = "pause"
    CUT = "cut"
    DELAY = "delay"
    DELETE = "delete"
    FILL = "fill"
    ERASE = "erase"


class Target(StrEnum):
    """The targets of faults: processes, connections to a server or its disk, what they work on."""

    RUN = "run"
    WORKER = "worker"
    DAEMON = "daemon"
    CODE_SERVER = "code_server"
    WEB_SERVER = "web_server"
    DAGSTER = "dagster"
    UPLOAD_API = "upload_api"
    KAFKA = "kafka"
    OBJECT_STORE = "object_store"
    POSTGRES = "postgres"
    QUEUE = "queue"
    GROUP = "group"
    IMAGES = "images"


SERVERS = (Target.POSTGRES, Target.OBJECT_STORE, Target.KAFKA)
"""Servers whose connections can be cut and delayed."""

_OTHERS = {Target.QUEUE, Target.GROUP, Target.IMAGES}
_PROCESSES = tuple(one for one in Target if one not in _OTHERS)
TARGETS: Final[Mapping[FaultKind, tuple[Target, ...]]] = {
    FaultKind.KILL: _PROCESSES,
    FaultKind.PAUSE: _PROCESSES,
    FaultKind.CUT: SERVERS,
    FaultKind.DELAY: SERVERS,
    FaultKind.DELETE: (Target.QUEUE, Target.GROUP),
    FaultKind.FILL: (Target.OBJECT_STORE,),
    FaultKind.ERASE: (Target.IMAGES,),
}
"""What each kind of fault can happen to."""

_MIN_SECONDS, _MAX_SECONDS = 2.0, 8.0
_DELAY_SECONDS = 0.3
_GONE_SECONDS = 10


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        seconds: How long processes are paused, connections cut or delayed, or a disk is full;
            otherwise 0.
    """

    kind: FaultKind
    target: Target
    seconds: float = 0.0


def moments(count: int, seconds: float, seed: int) -> tuple[float, ...]:
    """Returns `count` random moments of a period, in seconds from its start, in order."""
    rng = Random(f"{seed}/moments")  # noqa: S311 - a plan, not a secret
    return tuple(sorted(rng.uniform(0.02, 0.98) * seconds for _ in range(count)))


def faults(seed: int) -> Iterator[Fault]:
    """Yields faults endlessly: all of them once, the kill of a run twice, before any is repeated.

    Same seed, same faults.
    """
    rng = Random(f"{seed}/faults")  # noqa: S311 - a plan, not a secret
    once = [(kind, target) for kind, targets in TARGETS.items() for target in targets]
    once.append((FaultKind.KILL, Target.RUN))
    while True:
        for kind, target in rng.sample(once, k=len(once)):
            lasts = kind not in {FaultKind.KILL, FaultKind.DELETE, FaultKind.ERASE}
            seconds = rng.uniform(_MIN_SECONDS, _MAX_SECONDS) if lasts else 0.0
            yield Fault(kind, target, round(seconds, 1))


@dataclass
class FaultInjector:
    """Injects faults into one stack and the connections to it.

    Args:
        records: The folder of the senders' records; erased images are recorded there too.
        rng: Chooses among several possible processes or images.
    """

    stack: Stack
    network: Network
    records: Path
    rng: Random
    _restore_timers: list[Timer] = field(default_factory=list)
    _races: list[Future[None]] = field(default_factory=list)
    _threads: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)

    def inject(self, fault: Fault) -> bool:
        """Injects a fault; returns False when that is not possible right now."""
        match fault.kind:
            case FaultKind.KILL:
                return self._kill(fault)
            case FaultKind.PAUSE:
                return self._pause(fault)
            case FaultKind.DELETE:
                return self._delete(fault)
            case FaultKind.FILL:
                return self._fill(fault)
            case FaultKind.ERASE:
                return self._erase()
            case FaultKind.CUT:
                self.network.cut(fault.target)
            case FaultKind.DELAY:
                self.network.delay(fault.target, _DELAY_SECONDS)
        self._later(fault.seconds, self.network.restore, fault.target)
        report(f"{fault.kind} connections to {fault.target} for {fault.seconds:.0f} s")
        return True

    def restore_all(self) -> None:
        """Waits until connections work, processes go on, disks have space, and erasures are done.

        Raises `ServerError` when an erasure could not be requested.
        """
        for timer in self._restore_timers:
            timer.join()
        self._restore_timers.clear()
        for race in self._races:
            race.result()
        self._races.clear()

    def _later(self, seconds: float, restore: Callable[..., None], *arguments: object) -> None:
        timer = Timer(seconds, restore, arguments)
        timer.start()
        self._restore_timers.append(timer)

    def _pause(self, fault: Fault) -> bool:
        found = _find(self.stack, fault.target, self.rng)
        _each(found, psutil.Process.suspend)
        self._later(fault.seconds, _each, found, psutil.Process.resume)
        if found:
            report(f"pause {fault.target} for {fault.seconds:.0f} s")
        return bool(found)

    def _delete(self, fault: Fault) -> bool:
        settings = self.stack.settings()
        try:
            if fault.target is Target.QUEUE:
                store = ObjectStore(settings)
                with store.translated():
                    url = store.sqs.get_queue_url(QueueName=settings.raw_events_queue)["QueueUrl"]
                    store.sqs.delete_queue(QueueUrl=url)
            else:
                with administrator(settings) as admin:
                    admin.delete_groups([settings.kafka_group])
        except ServerError:
            return False
        report(f"delete the {fault.target}")
        return True

    def _fill(self, fault: Fault) -> bool:
        """Lets the kernel refuse whatever makes a file of the server longer, as on a full disk."""
        found = _find(self.stack, fault.target, self.rng)
        _each(found, partial(_limit_files, size_bytes=0))
        self._later(fault.seconds, _each, found, _limit_files)
        if found:
            report(f"the disk of {fault.target} is full for {fault.seconds:.0f} s")
        return bool(found)

    def _erase(self) -> bool:
        race = ErasureRace(Platform.from_settings(self.stack.settings()), self.records)
        try:
            chosen = race.choose(self.rng)
        except ServerError:
            chosen = None
        if chosen is None:
            return False
        self._races.append(self._threads.submit(race.run, chosen))
        report(
            f"erase {len(chosen.images)} images while those rejected as {chosen.reason} are "
            "requeued and a purge runs"
        )
        return True

    def _kill(self, fault: Fault) -> bool:
        found = _find(self.stack, fault.target, self.rng)
        if not found:
            return False
        for process in found:
            if process.is_running():
                process.kill()
        psutil.wait_procs(found, timeout=_GONE_SECONDS)
        report(f"kill -9 {fault.target} (pid {', '.join(str(one.pid) for one in found[:4])})")
        return True


def _find(stack: Stack, target: Target, rng: Random) -> list[psutil.Process]:
    """Returns the processes to kill together; none when the target is not running right now."""
    if target is Target.RUN:
        runs = run_processes(stack.daemon)
        return [rng.choice(runs)] if runs else []
    if target is Target.WORKER:
        workers = [each for run in run_processes(stack.daemon) for each in _with_children(run)[1:]]
        return [rng.choice(workers)] if workers else []
    of_dagster = stack.dagster if target is Target.DAGSTER else ()
    servers = [one for one in (*stack.servers, *stack.programs) if one.name == target]
    found = [one for server in (*of_dagster, *servers) if (one := server.process()) is not None]
    if target is Target.DAEMON:
        return found
    # PostgreSQL's work is done by its children: they die with it, as in a power failure.
    return [each for process in found for each in _with_children(process)]


def _each(processes: list[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            act(process)


def _limit_files(process: psutil.Process, size_bytes: int = resource.RLIM_INFINITY) -> None:
    """Limits the size of the files that a process may write, as far as it may raise it again."""
    _, most = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (size_bytes if size_bytes >= 0 else most, most))


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
