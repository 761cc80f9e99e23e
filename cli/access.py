"""`darkroom access`: the grants of the access file, and those of the warehouse."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import wrap
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from assets.access.attempts import OF_COLUMNS, OF_RELATIONS, OF_SEQUENCES
from assets.access.document import DOCUMENT, write_document
from assets.access.drift import Drift, read_drift
from assets.access.drift import apply as apply_policy
from assets.access.policy import load_policy
from assets.access.report import Outcome, Report, Result, make_report
from assets.access.triggers import TRIGGERS, describe_triggers, differences, recorded_triggers
from assets.errors import AccessError
from assets.resources.warehouse import Warehouse
from cli.options import Json, Yes
from cli.servers import ADMIN, running_database, warehouse_connection
from infra.console import console, print_json, print_sentences, say
from infra.local.stack import Stack

app = typer.Typer()

_ATTEMPT = ("section", "on", "column", "action", "is_allowed")


@app.command()
def apply(
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Also revoke what the file does not give.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Grant what infra/postgres/access.yaml gives; exit code 1 if something is left."""
    policy, stack = load_policy(), Stack.of_project(say)
    with running_database(stack):
        conninfo = stack.granting_conninfo()
        if revoke and not yes:
            with Warehouse(conninfo).connect() as connection:
                extra = read_drift(connection, policy).extra
            print_sentences("[yellow]-[/]", map("Not in the access file: {}.".format, extra))
            if extra:
                typer.confirm("Revoke all of this?", abort=True)
        applied = apply_policy(conninfo, policy, revoke)
    print_sentences("[green]+[/]", applied.granted)
    print_sentences("[yellow]-[/]", applied.revoked)
    _print_drift(applied.left)
    if not (applied.granted or applied.revoked or applied.left.differences):
        console.print("Everything is as the access file says; nothing was changed.")
    if applied.left.extra and not revoke:
        console.print("What is too much stays until `darkroom access apply --revoke`.")
    if applied.left.missing or (revoke and applied.left.extra):
        raise AccessError("What is left above has to be decided by somebody, or needs a superuser.")


@app.command()
def diff(json: Json = False) -> None:
    """Show where the warehouse and the access file differ; exit code 1 if they do."""
    policy = load_policy()
    with warehouse_connection(ADMIN) as connection:
        found = read_drift(connection, policy)
    if json:
        print_json(
            {
                "missing": list(map(str, found.missing)),
                "extra": list(map(str, found.extra)),
                "agreed": found.agreed,
                "not_built": found.not_built,
            }
        )
    else:
        _print_drift(found)
        if not found.differences:
            console.print(f"All {found.agreed:,} facts are as the access file says.")
    if found.differences:
        raise typer.Exit(1)


@app.command()
def report(
    json: Json = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also show what everybody can do.")
    ] = False,
) -> None:
    """Connect as each kind of person and try everything; exit code 1 at any mismatch."""
    policy = load_policy()
    with running_database() as env:
        made = make_report(env, policy)
    if json:
        print_json(
            {
                "attempts": len(made.results),
                "mismatches": [str(one) for one in made.mismatches],
                "results": [
                    {"subject": one.subject, "outcome": one.outcome}
                    | {name: getattr(one.attempt, name) for name in _ATTEMPT}
                    for one in made.results
                ],
            }
        )
    else:
        print_report(console, made, verbose)
    if made.mismatches:
        raise typer.Exit(1)


@app.command()
def triggers(
    write: Annotated[
        bool, typer.Option("--write", help="Record them, after a migration that changes them.")
    ] = False,
) -> None:
    """Compare the triggers of the sales tables with infra/postgres/triggers.txt."""
    with warehouse_connection(ADMIN) as connection:
        found = describe_triggers(connection)
    if write:
        TRIGGERS.write_text("\n".join(found) + "\n")
        console.print(f"{TRIGGERS} is written.", soft_wrap=True)
        return
    if different := differences(found, recorded_triggers()):
        print_sentences("[red]![/]", different)
        raise typer.Exit(1)
    console.print(f"All {len(found)} triggers are as the migrations define them.")


@app.command()
def document() -> None:
    """Write docs/access.md from the access file."""
    changed = write_document(load_policy())
    console.print(f"{DOCUMENT} {'is written' if changed else 'was up to date'}.", soft_wrap=True)


def _print_drift(found: Drift) -> None:
    print_sentences("[red]![/]", found.differences)
    if found.not_built:
        console.print(f"Not built yet: {', '.join(found.not_built)}.")


_MARKS = {Outcome.ALLOWED: "✓", Outcome.DENIED: "–", Outcome.UNDECIDED: "?"}
_NOT_TRIED = " "
_MARKS_WIDTH = len(OF_RELATIONS)

Cells = tuple[str, ...]


def print_report(console: Console, report: Report, verbose: bool = False) -> None:
    """Prints the verdict in one line, every mismatch, and on request what everybody can do."""
    tried = f"{len(report.results):,} attempts as {', '.join(report.titles)}"
    if report.mismatches:
        count = f"{len(report.mismatches):,} of {tried}"
        console.print(f"[bold red]✗[/] Not as the file says: {count}.", soft_wrap=True)
    else:
        console.print(f"[bold green]✓[/] All as the file says: {tried}.", soft_wrap=True)
    for mismatch in report.mismatches:
        console.print(f"[red]✗[/] {escape(str(mismatch))}", soft_wrap=True)
    if verbose:
        _print_matrices(console, report)


def _print_matrices(console: Console, report: Report) -> None:
    by_section = _grouped(report.results, lambda result: result.attempt.section)
    matrix = Matrix(console, report)
    _print_relations(matrix, by_section["relations"])
    _print_rows(matrix, "sequences", by_section["sequences"], tuple(OF_SEQUENCES))
    _print_rows(matrix, "procedures and functions", by_section["routines"], ("execute",))
    _print_escalations(matrix, by_section["escalations"])


@dataclass(frozen=True)
class Matrix:
    """Rows of a name and a cell for each subject, in columns that no name makes wider."""

    console: Console
    report: Report

    def start(self, title: str) -> None:
        """Prints a title and the names of the columns."""
        self.console.print(f"\n[bold]{escape(title)}[/]", soft_wrap=True)
        self._print("", self.report.titles)

    def add(self, name: str, cells: Cells, indent: int = 2) -> None:
        """Prints a row; a name that does not fit beside the cells has lines of its own."""
        self._print(" " * indent + name, cells)

    def _print(self, name: str, cells: Cells) -> None:
        marks = Text(" ").join(map(self._cell, self.report.titles, cells))
        room = self.console.width - marks.cell_len - 1
        lines = _wrapped(name, room)
        if max(map(len, lines)) > room:
            lines = [*_wrapped(name, self.console.width), ""]
        for line in lines[:-1]:
            self.console.print(line, markup=False, soft_wrap=True)
        self.console.print(Text(f"{lines[-1]:{room}} ") + marks, soft_wrap=True)

    def _cell(self, title: str, marks: str) -> Text:
        cell = Text.from_markup(marks)
        cell.pad_right(max(len(title), _MARKS_WIDTH) - cell.cell_len)
        return cell


def _wrapped(name: str, width: int) -> list[str]:
    """Breaks a list of names into lines, and no name; further lines are indented more."""
    indent = " " * (len(name) - len(name.lstrip()))
    lines = wrap(
        name.lstrip(),
        max(width, 1),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [""]


def _print_relations(matrix: Matrix, results: Sequence[Result]) -> None:
    matrix.start(f"relations: {', '.join(OF_RELATIONS)}")
    rows = _grouped(results, lambda result: result.attempt.on)
    for schema, names in groupby(rows, key=lambda name: name.partition(".")[0]):
        matrix.console.print(schema, markup=False)
        for name in names:
            whole = [one for one in rows[name] if one.attempt.column is None]
            title = name.removeprefix(f"{schema}.")
            matrix.add(title, _cells(matrix.report, whole, OF_RELATIONS))
            by_column = _grouped(
                (one for one in rows[name] if one.attempt.column),
                lambda result: result.attempt.column or "",
            )
            for cells, columns in _folded(matrix.report, by_column, OF_COLUMNS).items():
                if len(columns) < len(by_column):
                    matrix.add(", ".join(columns), cells, indent=4)


def _print_rows(matrix: Matrix, title: str, results: Sequence[Result], actions: Cells) -> None:
    matrix.start(f"{title}: {', '.join(actions)}")
    for name, found in _grouped(results, lambda result: result.attempt.on).items():
        matrix.add(name, _cells(matrix.report, found, actions))


def _print_escalations(matrix: Matrix, results: Sequence[Result]) -> None:
    """Prints one row for all objects that the same people can do the same to."""
    matrix.start("what else somebody might try")
    for action, found in _grouped(results, lambda result: result.attempt.action).items():
        by_object = _grouped(found, lambda result: result.attempt.on)
        for cells, objects in _folded(matrix.report, by_object, (action,)).items():
            names = ", ".join(_by_schema(objects, list(by_object)))
            matrix.add(f"{action} {names}".strip(), cells)


def _by_schema(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Shortens names to `schema.*` where all that are known of a schema are among them."""

    def schema(name: str) -> str:
        return "" if " " in name else name.rpartition(".")[0]

    others = {schema(name) for name in known if name not in names}
    shortened = (
        f"{schema(name)}.*" if schema(name) and schema(name) not in others else name
        for name in names
    )
    return list(dict.fromkeys(shortened))


def _folded(
    report: Report, by_name: dict[str, list[Result]], actions: Cells
) -> dict[Cells, list[str]]:
    """Returns the names that have the same cells, together."""
    folded: dict[Cells, list[str]] = defaultdict(list)
    for name, results in by_name.items():
        folded[_cells(report, results, actions)].append(name)
    return folded


def _cells(report: Report, results: Iterable[Result], actions: Cells) -> Cells:
    """Returns for each subject the marks of the actions, in their order."""
    marks = {(one.subject, one.attempt.action): _mark(one) for one in results}
    return tuple(
        "".join(marks.get((subject, action), _NOT_TRIED) for action in actions).rstrip()
        for subject in report.titles
    )


def _mark(result: Result) -> str:
    mark = _MARKS[result.outcome]
    if not result.matches_policy:
        return f"[bold red]{mark}[/]"
    return f"[green]{mark}[/]" if result.outcome is Outcome.ALLOWED else f"[dim]{mark}[/]"


def _grouped(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[key(result)].append(result)
    return groups
