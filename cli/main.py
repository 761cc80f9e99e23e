"""The `darkroom` command: its groups and commands, and their exit codes.

A group's commands are in the module of its name, which is imported when one of them is needed:
help and completion of everything else stay quick. Exit codes: 0 done, 1 something failed or cannot
be done, 2 wrong usage.
"""

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from typer.core import TyperGroup
from typer.main import get_group

from assets.errors import DarkroomError
from cli import platform
from cli.options import Json, Kafka
from infra.console import FAILED, notices

MARKUP: Final = "markdown"
"""Paragraphs of help are filled to the terminal's width."""

GROUPS = {
    "images": "Send, requeue, erase and prove images.",
    "topic": "Compare the Kafka topic with its file; list and explain gaps.",
    "access": "Grant, compare and try what the access file says.",
    "people": "Add people to teams, list and remove them.",
    "keys": "Issue, list and revoke keys of the upload API.",
    "retention": "Purge, and verify the receipts of what was deleted.",
    "sales": "Add invented sales to the sales tables.",
    "security": "Try to break into the platform, and list what it is made of.",
    "bench": "Measure the platform beside its limits.",
}


class Group(TyperGroup):
    """A group whose help shows flags without a type."""

    def get_params(self, ctx: Any) -> Any:
        """Returns the group's own options."""
        return _without_type(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns the group's command of that name, or None."""
        command = super().get_command(ctx, cmd_name)
        if command:
            _without_type(command.get_params(ctx))
        return command


class Root(Group):
    """The command as a whole: turns every error meant for a person into a sentence."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_: Any,
        **options: Any,
    ) -> Any:
        """Runs the command and exits the process with its exit code."""
        given = sys.argv[1:] if args is None else list(args)
        try:
            _refuse_empty_values(given)
            options |= {"standalone_mode": False}
            code = super().main(given, prog_name or "darkroom", **options)
        except DarkroomError as error:
            code = _fail(str(error), 1)
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            usage = f" See {context.command_path} --help." if context else ""
            code = _fail(error.format_message(), error.exit_code, usage)
        except typer.Abort:
            code = _fail("Nothing was done.", 1)
        sys.exit(code if isinstance(code, int) else 0)


class LazyGroup(Group):
    """A group whose commands are in `cli.<its name>`, imported when they are needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names of the group's commands."""
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns the group's command of that name, or None."""
        self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        if not self.commands:
            group: typer.Typer = import_module(f"cli.{self.name}").app
            group.rich_markup_mode = MARKUP
            self.commands.update(get_group(group).commands)


app = typer.Typer(
    name="darkroom",
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    help="A Dagster data platform: images in, analysts' views out, and everything gone after "
    "seven days.",
)
for _name, _help in GROUPS.items():
    app.add_typer(
        typer.Typer(),
        name=_name,
        cls=LazyGroup,
        help=_help,
        no_args_is_help=True,
        rich_help_panel="Data",
    )


_platform_command = partial(app.command, rich_help_panel="Platform")
for _command in (platform.up, platform.down, platform.status, platform.reset):
    _platform_command()(_command)
_platform_command(context_settings={"ignore_unknown_options": True})(platform.shell)


@_platform_command()
def demo(
    images: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Send the images of this folder.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Photographs per source.")] = 60,
    allow_outside: Annotated[
        bool,
        typer.Option("--allow-outside", help="Also send to servers that the environment names."),
    ] = False,
    json: Json = False,
) -> None:
    """Send photographs and sales through the platform and show what an analyst sees.

    Works with the platform that runs, or starts one and stops it afterwards.
    """
    from cli import demo as command

    command.demo(images, count, allow_outside, json)


@app.command(rich_help_panel="Test campaigns")
def chaos(
    faults: Annotated[int, typer.Option(min=1, help="How many faults are injected.")] = 20,
    images: Annotated[int, typer.Option(min=10, help="How many images are sent.")] = 2000,
    kafka: Kafka = "tansu",
    minutes: Annotated[
        float | None, typer.Option(min=1, help="How long; left out: 12 seconds per fault.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Repeat the images and faults of an earlier campaign.")
    ] = None,
) -> None:
    """Kill, pause, cut, delay, delete, fill a disk and erase while images stream in; count them.

    Exit code 1 if any is lost, duplicated, stuck or back after its erasure.
    """
    from tests.campaigns.chaos.campaign import run

    run(faults, images, kafka, minutes, seed)


@app.command(rich_help_panel="Test campaigns")
def fuzz(
    files: Annotated[int, typer.Option(min=1, help="How many files are sent.")] = 5000,
    seed: Annotated[int | None, typer.Option(help="Repeat an earlier campaign's files.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Decoding processes.")] = 2,
    processor: Annotated[
        str, typer.Option(help="package.module:function")
    ] = "assets.processing.processor:process",
) -> None:
    """Send hostile files to the decoders.

    Exit code 1 if one is neither processed nor rejected.
    """
    from tests.campaigns.fuzz.campaign import run

    run(files, seed, workers, processor)


def main() -> None:
    """Runs the command."""
    app()


def _without_type(options: Any) -> Any:
    for option in options:
        if getattr(option, "is_flag", False):
            option.metavar = ""
    return options


def _refuse_empty_values(arguments: Sequence[str]) -> None:
    """Raises `BadParameter` for an empty argument or option: often an unset shell variable."""
    if arguments[:1] == ["shell"]:
        return
    for before, argument in zip(["darkroom", *arguments], arguments, strict=False):
        if argument == "":
            raise typer.BadParameter(f"the one after “{before}” is empty.")
        if argument.startswith("--") and argument.endswith("="):
            raise typer.BadParameter("it is empty.", param_hint=argument.removesuffix("="))


def _fail(message: str, code: int, usage: str = "") -> int:
    """Prints a sentence, unless help was printed instead; returns the exit code."""
    if message:
        stop = "" if message.endswith((".", "?")) else "."
        notices.print(f"{FAILED} {escape(message + stop + usage)}", soft_wrap=True)
    return code
