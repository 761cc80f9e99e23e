"""`darkroom access`: the grants of the access file, and those of the warehouse."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.access.attempts import OF_COLUMNS, OF_RELATIONS, OF_SEQUENCES
from assets.access.document import DOCUMENT, write_document
from assets.access.drift import Drift, read_drift
from assets.access.drift import apply as apply_policy
from assets.access.policy import load_policy
from assets.access.report import Outcome, Report, Result, make_report
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
def report(json: Json = False) -> None:
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
        print_report(console, made)
    if made.mismatches:
        raise typer.Exit(1)


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

Cells = tuple[str, ...]


def print_report(console: Console, report: Report) -> None:
    """Prints the matrices, the mismatches and one closing line."""
    by_section = _grouped(report.results, lambda result: result.attempt.section)
    _print_relations(console, report, by_section["relations"])
    _print_rows(console, report, "sequences", by_section["sequences"], tuple(OF_SEQUENCES))
    _print_rows(console, report, "procedures and functions", by_section["routines"], ("execute",))
    _print_escalations(console, report, by_section["escalations"])
    for mismatch in report.mismatches:
        console.print(f"[red]✗[/] {escape(str(mismatch))}")
    tried = f"{len(report.results):,} attempts"
    if report.mismatches:
        console.print(f"[bold red]✗[/] {tried}, {len(report.mismatches)} not as the file says.")
    else:
        console.print(f"[bold green]✓[/] {tried}, all as the file says.")


def _print_relations(console: Console, report: Report, results: Sequence[Result]) -> None:
    table = _table(report, f"relations: {', '.join(OF_RELATIONS)}")
    rows = _grouped(results, lambda result: result.attempt.on)
    for schema, names in groupby(rows, key=lambda name: name.partition(".")[0]):
        table.add_row(f"[bold]{escape(schema)}[/]")
        for name in names:
            whole = [one for one in rows[name] if one.attempt.column is None]
            title = escape(name.removeprefix(f"{schema}."))
            table.add_row(title, *_cells(report, whole, OF_RELATIONS))
            by_column = _grouped(
                (one for one in rows[name] if one.attempt.column),
                lambda result: result.attempt.column or "",
            )
            for cells, columns in _folded(report, by_column, OF_COLUMNS).items():
                if len(columns) < len(by_column):
                    table.add_row(f"  [dim]{escape(', '.join(columns))}[/]", *cells)
        table.add_section()
    console.print(table)


def _print_rows(
    console: Console, report: Report, title: str, results: Sequence[Result], actions: Cells
) -> None:
    table = _table(report, f"{title}: {', '.join(actions)}")
    for name, found in _grouped(results, lambda result: result.attempt.on).items():
        table.add_row(escape(name), *_cells(report, found, actions))
    console.print(table)


def _print_escalations(console: Console, report: Report, results: Sequence[Result]) -> None:
    """Prints one row for all objects that the same people can do the same to."""
    table = _table(report, "what else somebody might try")
    for action, found in _grouped(results, lambda result: result.attempt.action).items():
        by_object = _grouped(found, lambda result: result.attempt.on)
        for cells, objects in _folded(report, by_object, (action,)).items():
            names = ", ".join(_by_schema(objects, list(by_object)))
            table.add_row(escape(f"{action} {names}".strip()), *cells)
    console.print(table)


def _by_schema(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Shortens names to `schema.*` where all that are known of a schema are among them."""

    def schema(name: str) -> str:
        return name.rpartition(".")[0]

    others = {schema(name) for name in known if name not in names}
    shortened = (
        f"{schema(name)}.*" if schema(name) and schema(name) not in others else name
        for name in names
    )
    return list(dict.fromkeys(shortened))


def _table(report: Report, title: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("", overflow="fold")
    for subject in report.titles:
        table.add_column(subject, no_wrap=True)
    return table


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
