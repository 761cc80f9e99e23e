"""What the access file allows one role: the expected answer to every attempt of the report."""

from dataclasses import dataclass, field

from assets.access.catalog import Relation, Routine
from assets.access.facts import Fact, Grant, Kind, Member, Membership, Name, Owner
from assets.access.policy import COLUMN_PRIVILEGES


@dataclass(frozen=True)
class Rights:
    """The rights of one role by the facts that should hold."""

    role: str
    facts: frozenset[Fact] = field(repr=False)

    def has(self, kind: Kind, name: Name, privilege: str) -> bool:
        """Whether the role has a privilege on a whole object, or owns it."""
        return Grant(self.role, kind, name, None, privilege) in self.facts or self.owns(kind, name)

    def may(self, relation: Relation, privilege: str) -> bool:
        """Whether the role has a privilege on a relation or on each of its columns."""
        if not self._may_enter(relation.name):
            return False
        if self.has(relation.kind, relation.name, privilege):
            return True
        return privilege.lower() in COLUMN_PRIVILEGES and all(
            self._has_column(relation, column, privilege) for column, _ in relation.columns
        )

    def may_column(self, relation: Relation, column: str, privilege: str) -> bool:
        """Whether the role has a privilege on one column of a relation."""
        return self._may_enter(relation.name) and (
            self.has(relation.kind, relation.name, privilege)
            or self._has_column(relation, column, privilege)
        )

    def may_execute(self, routine: Routine) -> bool:
        """Whether the role may call a routine."""
        return self._may_enter(routine.name) and self.has(Kind.ROUTINE, routine.name, "EXECUTE")

    def may_create_in(self, schema: str) -> bool:
        """Whether the role may create objects in a schema."""
        return self._may_enter((schema,)) and self.has(Kind.SCHEMA, (schema,), "CREATE")

    def owns(self, kind: Kind, name: Name) -> bool:
        """Whether the role may drop or alter an object."""
        return Owner(self.role, kind, name) in self.facts

    def can_become(self, role: str) -> bool:
        """Whether the role may assume another one."""
        return Member(self.role, role, Membership.SET) in self.facts

    def _may_enter(self, name: Name) -> bool:
        return self.has(Kind.SCHEMA, name[:1], "USAGE")

    def _has_column(self, relation: Relation, column: str, privilege: str) -> bool:
        return Grant(self.role, relation.kind, relation.name, column, privilege) in self.facts
