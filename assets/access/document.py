"""docs/access.md: the access file as tables."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from assets.access.policy import Holder, Policy

DOCUMENT = Path(__file__).parents[2] / "docs" / "access.md"

_HEAD = """\
# Who may do what in the warehouse

Generated from [`infra/postgres/access.yaml`](../infra/postgres/access.yaml) by
`darkroom access document`; edit that file, not this one. Nobody may do what is not listed here, and
a role without a team cannot even connect. `darkroom access apply` grants what the file states;
`darkroom access report` connects as each team and tries everything; the asset check
`grants_match_the_access_file` compares daily.
"""
_PEOPLE = """\
A person logs in with a personal role (`darkroom people add NAME --team TEAM`) and SCRAM, has the
rights of one team, and cannot become the team or anybody else.
"""


def document(policy: Policy) -> str:
    """Returns the text of the page."""
    return "\n".join(
        [
            _HEAD,
            "## Teams\n",
            _PEOPLE,
            *_teams(policy),
            *_matrices(policy.teams),
            "## Personal columns\n",
            "No team and no program role may have them: such a file is rejected.\n",
            *(f"- `{name}`: {_code(columns)}" for name, columns in policy.personal.items()),
            "",
            "## Program roles\n",
            *_programs(policy),
            *_matrices(policy.programs),
            "## Owners\n",
            "An owner may do anything with its objects.\n",
            *(f"- {owner}: {_code(names)}" for owner, names in policy.owners.items()),
            "",
        ]
    )


def write_document(policy: Policy) -> bool:
    """Writes the page; returns whether that changed it."""
    before, text = DOCUMENT.read_text() if DOCUMENT.exists() else None, document(policy)
    DOCUMENT.write_text(text)
    return text != before


def _teams(policy: Policy) -> Iterator[str]:
    for name, team in policy.teams.items():
        settings = [f"`{key} = {value}`" for key, value in team.people.settings.items()]
        starts = f", which start with {' and '.join(settings)}" if settings else ""
        sessions = f"At most {team.people.connection_limit} sessions each{starts}."
        yield f"- **{name}**: {team.why} {sessions}"
    yield ""


def _programs(policy: Policy) -> Iterator[str]:
    for name, program in policy.programs.items():
        parts = [attribute.upper() for attribute in program.attributes] or ["no login"]
        parts += [f"member of {group}" for group in program.member_of]
        parts += [f"administrator of {group}" for group in program.admin_of]
        parts += [f"may set {name}" for name in program.parameters]
        parts += [f"`{key} = {value}`" for key, value in program.settings.items()]
        yield f"- **{name}** ({', '.join(parts)}): {program.why}"
    yield ""


def _matrices(holders: Mapping[str, Holder]) -> Iterator[str]:
    """Yields one table for all kinds of objects, and the reasons below it."""
    cells = defaultdict[tuple[int, str], dict[str, str]](dict)
    for role, holder in holders.items():
        for position, name, privileges in _lines(holder):
            cells[position, name][role] = privileges
    roles = [role for role in holders if any(role in row for row in cells.values())]
    yield f"| | {' | '.join(roles)} |"
    yield f"|---|{'---|' * len(roles)}"
    for (_, name), row in sorted(cells.items()):
        yield f"| `{name}` | {' | '.join(row.get(role, '–') for role in roles)} |"
    yield ""
    for role, holder in holders.items():
        for name, rights in holder.relations.items():
            if rights.why:
                yield f"- {role}, {name}: {rights.why}"
    yield ""


def _lines(holder: Holder) -> Iterator[tuple[int, str, str]]:
    """Yields sort position, name and privileges of each object of an entry."""
    if holder.database:
        yield 0, "the database", ", ".join(holder.database)
    for schema, privileges in holder.schemas.items():
        yield 1, f"schema {schema}", ", ".join(privileges)
    for name, rights in holder.relations.items():
        given = (
            privilege if columns == "all" else f"{privilege} of {_code(columns)}"
            for privilege, columns in rights.given()
        )
        yield 2, name, "; ".join(given)
    for name, sequence_privileges in holder.sequences.items():
        yield 3, f"sequence {name}", ", ".join(sequence_privileges)
    for name in holder.routines:
        yield 4, f"{name}()", "execute"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
