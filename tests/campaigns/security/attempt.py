"""What an attempt is, what it is made against, and its result."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final
from uuid import uuid4

from psycopg.conninfo import make_conninfo

from assets.access.people import create_person
from assets.access.policy import load_policy
from assets.platform import Platform
from infra.local.stack import Stack

SECONDS: Final = 30
"""How long an attempt waits for an answer."""


@dataclass(frozen=True)
class Target:
    """A platform whose servers and programs all run, and what attackers and users have."""

    stack: Stack
    notes: list[str] = field(default_factory=list)
    """What an attempt measured, for the report; it says nothing about whether the platform held."""
    _people: dict[str, str] = field(default_factory=dict)

    @cached_property
    def env(self) -> dict[str, str]:
        """The variables of an operator, who may do everything."""
        return self.stack.environment()

    @cached_property
    def platform(self) -> Platform:
        """The platform's own clients, to prepare an attempt and to see its effect."""
        return Platform.from_settings(self.stack.settings())

    def person(self, team: str) -> str:
        """Returns the connection of somebody in a team, the same one at each call."""
        if team not in self._people:
            admin = self.env["DATABASE_ADMIN_URL"]
            name = f"{team.removeprefix('TEAM_').lower()}_{uuid4().hex[:6]}"
            password = create_person(admin, load_policy(), name, team)
            self._people[team] = make_conninfo(admin, user=name, password=password)
        return self._people[team]


@dataclass(frozen=True)
class Attempt:
    """One attempt; `title` completes the sentence “Somebody tries to …”."""

    title: str
    make: Callable[[Target], Iterable[str]]


class Verdict(StrEnum):
    """Whether the platform held; an attempt that could not be made says nothing about it."""

    HELD = "held"
    NOT_HELD = "not held"
    NOT_MADE = "not made"


@dataclass(frozen=True)
class Result:
    """The result of an attempt: what it got, or the error that kept it from being made."""

    section: str
    title: str
    got: tuple[str, ...] = ()
    error: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether the platform held."""
        if self.error is not None:
            return Verdict.NOT_MADE
        return Verdict.NOT_HELD if self.got else Verdict.HELD


def try_out(section: str, attempt: Attempt, target: Target) -> Result:
    """Makes an attempt."""
    got: list[str] = []
    failure = None
    target.notes.clear()
    try:
        got.extend(attempt.make(target))
    except Exception as error:  # noqa: BLE001 - the report names it, and fails
        failure = f"{type(error).__name__}: {error}"
    return Result(section, attempt.title, tuple(got), failure, tuple(target.notes))
