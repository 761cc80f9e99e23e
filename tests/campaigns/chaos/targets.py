"""Finds the processes of a fault's target among those that the campaign's stack has started."""

import os
from collections.abc import Callable, Sequence
from random import Random

import psutil

from infra.local.server import Server
from infra.local.stack import Stack
from tests.campaigns.chaos.plan import Target

_GONE_SECONDS = 10


def find(stack: Stack, target: Target, rng: Random) -> list[psutil.Process]:
    """Returns the processes to kill together; none when the target is not running right now."""
    if target in {Target.DAGSTER, *_PARTS}:
        return _find_in_dagster(stack.dagster, target, rng)
    servers = [one for one in (*stack.servers, *stack.programs) if one.name == target]
    found = [process for server in servers if (process := server.process()) is not None]
    # PostgreSQL's work is done by its children: they die with it, as in a power failure.
    return [each for process in found for each in _with_children(process)]


def kill(processes: Sequence[psutil.Process]) -> None:
    """Kills processes with SIGKILL, and returns when they are gone."""
    for process in processes:
        if process.is_running():
            process.kill()
    psutil.wait_procs(processes, timeout=_GONE_SECONDS)


def part_of_dagster(command: Sequence[str], parents_command: Sequence[str]) -> Target | None:
    """Returns which target a process of Dagster's group is, by its command and its parent's."""
    for target, is_one in _PARTS.items():
        if is_one(command, parents_command):
            return target
    return None


def _is_run(command: Sequence[str], parents_command: Sequence[str]) -> bool:
    """A code server spawns one process per run; a run's own decoders are its descendants."""
    return "--multiprocessing-fork" in command and _is_code_server(parents_command, ())


def _is_code_server(command: Sequence[str], _parents_command: Sequence[str]) -> bool:
    return "code-server" in command or {"api", "grpc"} <= set(command)


_PARTS: dict[Target, Callable[[Sequence[str], Sequence[str]], bool]] = {
    Target.RUN: _is_run,
    Target.DAEMON: lambda command, _: "dagster._daemon" in command,
    Target.WEB_SERVER: lambda command, _: "dagster_webserver" in command,
    Target.CODE_SERVER: _is_code_server,
}


def _find_in_dagster(dagster: Server, target: Target, rng: Random) -> list[psutil.Process]:
    leader = dagster.process()
    if leader is None:
        return []
    group = {
        process.pid: process for process in psutil.process_iter() if _group(process) == leader.pid
    }
    if target is Target.DAGSTER:
        return list(group.values())
    found = []
    for process in group.values():
        try:
            parent = group.get(process.ppid())
            command, parents_command = process.cmdline(), parent.cmdline() if parent else []
        except psutil.NoSuchProcess:
            continue
        if part_of_dagster(command, parents_command) is target:
            found.append(process)
    return [rng.choice(found)] if found else []


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None
