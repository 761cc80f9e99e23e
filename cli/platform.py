"""`darkroom up`, `down`, `status`, `reset` and `shell`: the platform of this machine.

What is slow to import is imported when a command runs: help and completion stay quick.
"""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from assets.errors import StackError
from cli.options import Json, Yes
from infra.console import console, notices, print_json, print_sentences, print_table, say

if TYPE_CHECKING:
    from infra.local.stack import Stack
    from infra.local.status import PlatformStatus

_COLOURS = {"running": "green", "stopped": "dim", "killed": "red"}


def up() -> None:
    """Start everything and stay until Ctrl-C."""
    from infra.local.supervisor import supervise

    stack = _project()
    if stack.web_server.is_running:
        stack.start()
        raise StackError(
            f"The platform already runs at {_ui(stack)}, with its tables, buckets, queue and topic "
            "as they should be; `darkroom down` stops it."
        )
    notices.print("[bold]Starting Darkroom[/]")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        stack.prepare(*stack.programs)
        stack.start()
        stack.start_programs()
        _print_addresses(stack)
        supervise(stack, lambda sentence: notices.print(f"[yellow]![/] {escape(sentence)}"))
        notices.print("Darkroom was stopped by `darkroom down`.")
    except KeyboardInterrupt:
        notices.print("\n[bold]Stopping Darkroom[/]")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.stop()


def down() -> None:
    """Stop everything that runs; state is kept."""
    _project().stop()
    console.print("Darkroom is stopped; its state is kept, `darkroom up` continues with it.")


def status(json: Json = False) -> None:
    """Show servers, backlog, disk use, the oldest copy and what is red.

    Exit code 1 if something is red.
    """
    from infra.local.status import read_status

    stack = _project()
    found = read_status(stack)
    if json:
        print_json(found)
    else:
        _print_status(stack, found)
    if found.red:
        raise typer.Exit(1)


def reset(yes: Yes = False) -> None:
    """Stop everything and delete all state: databases, objects, topics, passwords."""
    stack = _project()
    root = stack.state.root
    if not root.exists():
        console.print(f"There is no state to delete: {root} does not exist.", soft_wrap=True)
        return
    stack.state.require_marker()
    if not yes:
        typer.confirm(f"Delete {root} with every image, table and topic in it?", abort=True)
    stack.stop()
    stack.state.delete()
    console.print(f"{root} is deleted.", soft_wrap=True)


def shell(
    command: Annotated[
        list[str] | None, typer.Argument(help="Run this instead of an interactive shell.")
    ] = None,
) -> None:
    """Open a shell with the servers' addresses and passwords, or run a command with them."""
    environment = {**os.environ, **_project().environment()}
    arguments = command or [os.environ.get("SHELL") or "/bin/sh"]
    try:
        done = subprocess.run(arguments, env=environment, check=False)  # noqa: S603 - asked for
    except OSError as error:
        raise StackError(f"{arguments[0]} cannot be run: {error.strerror}.") from error
    raise typer.Exit(done.returncode)


def _project() -> Stack:
    from infra.local.stack import Stack

    return Stack.of_project(say)


def _print_status(stack: Stack, found: PlatformStatus) -> None:
    rows = [vars(one) | {"pid": str(one.pid or "")} for one in found.servers]
    print_table(
        [{"server": row.pop("title")} | row for row in rows],
        caption=f"logs are in {os.path.relpath(stack.state.path('logs'))}",
        styles={"state": lambda state: _COLOURS[state]},
    )
    facts = Table(show_header=False, box=None)
    facts.add_row("backlog", found.backlog_sentence)
    facts.add_row("image workers", found.image_workers)
    facts.add_row("disk use", found.disk_sentence)
    facts.add_row("oldest copy", found.oldest_copy or "not measured; Dagster does so hourly")
    console.print(facts)
    print_sentences("[red]![/]", found.red)


def _ui(stack: Stack) -> str:
    from infra.local.edge import DAGSTER

    return f"http://{DAGSTER}:{stack.ports.edge}"


def _print_addresses(stack: Stack) -> None:
    from assets.processing.isolation_report import layers_sentence, permitted_layers, weakness
    from infra.local.edge import UPLOAD

    table = Table(show_header=False, box=None)
    table.add_row("Dagster UI", f"[bold]{_ui(stack)}[/]")
    table.add_row("Upload page", f"[bold]http://{UPLOAD}:{stack.ports.edge}[/]")
    table.add_row("  a key for it", "`darkroom keys add UPLOADER`")
    for server in (*stack.servers, stack.upload_api, stack.web_server):
        table.add_row(server.title, server.address)
    table.add_row("passwords", os.path.relpath(stack.state.path("env")))
    table.add_row("  for programs", "`darkroom shell`")
    layers = permitted_layers()
    table.add_row("image workers", layers_sentence(layers))
    console.print("\n[bold green]Darkroom is up.[/] Ctrl-C stops all of it.")
    console.print(table)
    if weak := weakness(layers):
        notices.print(f"[yellow]![/] {escape(weak)}", soft_wrap=True)
