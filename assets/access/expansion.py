"""What a role's entry in the access file comes to: grants on what is there, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

from assets.access.catalog import Catalog
from assets.access.facts import Exists, Grant, Kind
from assets.access.policy import Columns, Holder

_GRANT_OPTION = "grant option"


def grants(role: str, holder: Holder, catalog: Catalog) -> Iterator[Grant]:
    """Yields every privilege that the entry gives on what is in the catalog."""
    for database_privilege in holder.database:
        yield _whole(role, Kind.DATABASE, (catalog.database,), database_privilege)
    for schema, privileges in holder.schemas.items():
        for privilege in (one for one in privileges if one != _GRANT_OPTION):
            yield _whole(role, Kind.SCHEMA, (schema,), privilege)
            if _GRANT_OPTION in privileges:
                yield _whole(role, Kind.SCHEMA, (schema,), privilege, is_grantable=True)
    yield from _object_grants(role, holder, catalog)


def absent(holder: Holder, catalog: Catalog) -> Iterator[Exists]:
    """Yields what the entry names and is not there; patterns name nothing in particular."""
    for schema in holder.schemas.keys() - catalog.schemas.keys():
        yield Exists(Kind.SCHEMA, (schema,))
    for name, rights in holder.relations.items():
        found = catalog.relations_like(name)
        if not found and "*" not in name:
            yield Exists(Kind.RELATION, tuple(name.split(".")))
        named = {column for _, columns in rights.given() for column in _listed(columns)}
        for relation in found:
            for column in named - {known for known, _ in relation.columns}:
                yield Exists(Kind.RELATION, (*relation.name, column))
    for name in holder.sequences:
        if not catalog.relations_like(name, Kind.SEQUENCE):
            yield Exists(Kind.SEQUENCE, tuple(name.split(".")))
    for name in holder.routines:
        if not catalog.routines_named(name):
            yield Exists(Kind.ROUTINE, tuple(name.split(".")))


def _object_grants(role: str, holder: Holder, catalog: Catalog) -> Iterator[Grant]:
    for pattern, rights in holder.relations.items():
        for relation in catalog.relations_like(pattern):
            for privilege, columns in rights.given():
                for column in [None] if columns == "all" else columns:
                    yield Grant(role, Kind.RELATION, relation.name, column, privilege.upper())
    for name, privileges in holder.sequences.items():
        for sequence in catalog.relations_like(name, Kind.SEQUENCE):
            for sequence_privilege in privileges:
                yield _whole(role, Kind.SEQUENCE, sequence.name, sequence_privilege)
    for name in holder.routines:
        for routine in catalog.routines_named(name):
            yield _whole(role, Kind.ROUTINE, routine.name, "execute")


def _listed(columns: Columns) -> list[str]:
    return [] if columns == "all" else columns


def _whole(
    role: str, kind: Kind, name: tuple[str, ...], privilege: str, is_grantable: bool = False
) -> Grant:
    return Grant(role, kind, name, None, privilege.upper(), is_grantable)
