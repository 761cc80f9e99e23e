"""The commands behind `make up`, `down`, `status`, `reset` and `demo`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType

import click
from rich.markup import escape
from rich.table import Table

from assets.errors import StackError
from infra.console import CommandGroup, console, say
from infra.local.server import Health
from infra.local.stack import Stack
from infra.local.supervisor import supervise


@click.group(cls=CommandGroup)
def main() -> None:
    """The embedded stack: PostgreSQL, S3, SQS, Kafka and Dagster on this machine."""


@main.command()
def up() -> None:
    """Start everything and stay until Ctrl-C."""
    stack = Stack.of_project(say)
    if stack.dagster.health() is Health.RUNNING:
        raise StackError(f"The platform is already up at {_ui(stack)}; `make down` stops it.")
    console.print("[bold]Starting Darkroom[/]")
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        stack.start()
        stack.start_upload_api()
        stack.start_dagster()
        _print_addresses(stack)
        supervise(stack, lambda sentence: console.print(f"[yellow]![/] {escape(sentence)}"))
        console.print("Darkroom was stopped by `make down`.")
    except KeyboardInterrupt:
        console.print("\n[bold]Stopping Darkroom[/]")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.stop()


@main.command()
def down() -> None:
    """Stop everything that runs; state is kept."""
    Stack.of_project(say).stop()
    console.print("Darkroom is stopped; its state is kept, `make up` continues with it.")


@main.command()
def status() -> None:
    """Show which servers run, and where."""
    stack = Stack.of_project()
    table = Table("server", "state", "address", "pid", "log")
    advice = None
    for server in (*stack.servers, *stack.programs):
        health, process = server.health(), server.process()
        colour = {"running": "green", "stopped": "dim", "killed": "red"}[health]
        pid = str(process.pid) if process else ""
        address = f"127.0.0.1:{server.port}"
        table.add_row(server.title, f"[{colour}]{health}[/]", address, pid, server.log.name)
        if health is Health.KILLED:
            advice = f"{server.title} ended without being stopped; `make up` starts it again."
    table.caption = f"logs are in {os.path.relpath(stack.state.path('logs'))}"
    console.print(table)
    if advice:
        raise StackError(advice)


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Stop everything and delete all state: databases, objects, topics, passwords."""
    stack = Stack.of_project(say)
    if not stack.state.root.exists():
        console.print("There is no state to delete.")
        return
    if not yes:
        click.confirm(
            f"Delete {stack.state.root} with every image, table and topic in it?", abort=True
        )
    stack.stop()
    stack.state.delete()
    console.print(f"{stack.state.root} is deleted.")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run COMMAND with the addresses and passwords of the stack in its environment."""
    environment = {**os.environ, **Stack.of_project().environment()}
    sys.exit(subprocess.run(command, env=environment, check=False).returncode)


def _ui(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.ports.dagster}"


def _print_addresses(stack: Stack) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("Dagster UI", f"[bold]{_ui(stack)}[/]")
    page = f"http://127.0.0.1:{stack.ports.upload_api}"
    table.add_row("Upload page", f"[bold]{page}[/]")
    table.add_row("a key for it", "`make api-key UPLOADER=…`")
    for server in stack.servers:
        table.add_row(server.title, f"127.0.0.1:{server.port}")
    table.add_row("passwords", f"{stack.state.path('env')} (for programs: `make shell`)")
    console.print("\n[bold green]Darkroom is up.[/] Ctrl-C stops all of it.")
    console.print(table)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(prog_name="python -m cli.platform")
