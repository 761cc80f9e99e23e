"""What the access file lets one role do: the answer that every attempt of the report is held to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assets.access.catalog import Relation, Routine
from assets.access.facts import Exists, Fact, Grant, Kind, Member, Membership, Name, Owner

_OF_COLUMNS = {"SELECT", "INSERT", "UPDATE"}


@dataclass(frozen=True)
class Rights:
    """The rights of one role, by what it was granted and what it owns."""

    role: str
    grants: frozenset[tuple[Kind, Name, str | None, str]]
    owned: frozenset[tuple[Kind, Name]]
    can_become: frozenset[str]

    @staticmethod
    def of(role: str, facts: Iterable[Fact]) -> Rights:
        """Picks a role's rights from the facts that are to hold."""
        own = [fact for fact in facts if not isinstance(fact, Exists) and fact.role == role]
        return Rights(
            role,
            frozenset(
                (fact.kind, fact.object, fact.column, fact.privilege)
                for fact in own
                if isinstance(fact, Grant)
            ),
            frozenset((fact.kind, fact.object) for fact in own if isinstance(fact, Owner)),
            frozenset(
                fact.group
                for fact in own
                if isinstance(fact, Member) and fact.right is Membership.SET
            ),
        )

    def has(self, kind: Kind, name: Name, privilege: str) -> bool:
        """Tells whether the role has a privilege on a whole object, or owns it."""
        return (kind, name, None, privilege) in self.grants or (kind, name) in self.owned

    def may(self, relation: Relation, privilege: str) -> bool:
        """Tells whether the role may do something to a whole relation, every column of it."""
        if not self._enters(relation.name):
            return False
        if self.has(relation.kind, relation.name, privilege):
            return True
        return privilege in _OF_COLUMNS and all(
            self._has_column(relation, column, privilege) for column, _ in relation.columns
        )

    def may_column(self, relation: Relation, column: str, privilege: str) -> bool:
        """Tells whether the role may do something to one column of a relation."""
        return self._enters(relation.name) and (
            self.has(relation.kind, relation.name, privilege)
            or self._has_column(relation, column, privilege)
        )

    def may_execute(self, routine: Routine) -> bool:
        """Tells whether the role may call a routine."""
        return self._enters(routine.name) and self.has(Kind.ROUTINE, routine.name, "EXECUTE")

    def may_create_in(self, schema: str) -> bool:
        """Tells whether the role may make something in a schema."""
        return self._enters((schema,)) and self.has(Kind.SCHEMA, (schema,), "CREATE")

    def owns(self, kind: Kind, name: Name) -> bool:
        """Tells whether the role may drop or alter an object."""
        return (kind, name) in self.owned

    def _enters(self, name: Name) -> bool:
        return self.has(Kind.SCHEMA, name[:1], "USAGE")

    def _has_column(self, relation: Relation, column: str, privilege: str) -> bool:
        return (relation.kind, relation.name, column, privilege) in self.grants
