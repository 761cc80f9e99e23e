"""The access file: its schema and its validation. `expected` derives what it means."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from assets.errors import DarkroomError
from assets.yaml_files import read_yaml

ACCESS_FILE = Path(__file__).parents[2] / "infra" / "postgres" / "access.yaml"


def _shaped(pattern: str, otherwise: str) -> AfterValidator:
    """Returns a validator that requires a name to match a pattern."""

    def check(name: str) -> str:
        if not re.fullmatch(pattern, name):
            raise ValueError(otherwise)
        return name

    return AfterValidator(check)


Columns = Literal["all"] | Annotated[list[str], Field(min_length=1)]
QualifiedName = Annotated[
    str, _shaped(r"[^.]+\.[^.]+", "a name includes its schema, as in schema.relation")
]
TeamName = Annotated[str, _shaped(r"TEAM_[A-Z_]+", "a team is named as in TEAM_SALES")]
ProgramName = Annotated[
    str, _shaped(r"darkroom_[a-z_]+", "a program is named as in darkroom_loader")
]

COLUMN_PRIVILEGES = ("select", "insert", "update")


class PolicyError(DarkroomError):
    """The access file is invalid; the message says where and why."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Rights(_Model):
    """What a role may do with one relation."""

    select: Columns | None = None
    insert: Columns | None = None
    update: Columns | None = None
    delete: Literal["all"] | None = None
    truncate: Literal["all"] | None = None
    why: str | None = None

    def given(self) -> Iterator[tuple[str, Columns]]:
        """Yields each granted privilege with its columns."""
        for privilege in (*COLUMN_PRIVILEGES, "delete", "truncate"):
            if (columns := getattr(self, privilege)) is not None:
                yield privilege, columns


class People(_Model):
    """The limit and the settings of each person of a team."""

    connection_limit: int = Field(ge=1)
    settings: dict[str, str] = {}


class Holder(_Model):
    """A role with privileges."""

    why: str
    database: list[Literal["connect", "temporary", "create"]] = []
    schemas: dict[str, list[Literal["usage", "create", "grant option"]]] = Field(
        default_factory=dict
    )
    relations: dict[QualifiedName, Rights] = {}
    sequences: dict[QualifiedName, list[Literal["usage", "select", "update"]]] = Field(
        default_factory=dict
    )
    routines: list[QualifiedName] = []


class Team(Holder):
    """A group of people, which cannot log in itself."""

    people: People


class Program(Holder):
    """A role of the platform."""

    attributes: list[Literal["login", "createrole"]] = []
    parameters: list[str] = []
    """Settings of the server that it may set, for itself and for the people that it creates."""
    member_of: list[str] = []
    admin_of: list[str] = []
    settings: dict[str, str] = {}


class Policy(_Model):
    """The whole file."""

    public: Literal["nothing"]
    personal: dict[QualifiedName, list[str]]
    built_by_dbt: list[str]
    database_owner: ProgramName
    owners: dict[ProgramName, list[str]]
    operators: list[str]
    teams: dict[TeamName, Team]
    programs: dict[ProgramName, Program]

    @property
    def holders(self) -> Mapping[str, Holder]:
        """Every role of the file by name, teams first."""
        return {**self.teams, **self.programs}

    @property
    def creators(self) -> list[str]:
        """The roles that may create roles: in a valid file one, which creates the people."""
        return [name for name, one in self.programs.items() if "createrole" in one.attributes]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if message := next(self._errors(), None):
            raise ValueError(message)
        return self

    def _errors(self) -> Iterator[str]:
        if len(self.creators) != 1:
            yield "exactly one program must have the attribute createrole: it creates the people"
        for owner in {self.database_owner, *self.owners} - self.programs.keys():
            yield f"the owner {owner} is not among the programs"
        named = Counter(name for names in self.owners.values() for name in names)
        for name in (name for name, times in named.items() if times > 1):
            yield f"{name} is listed twice under owners; an object has one owner"
        for name, program in self.programs.items():
            for group in {*program.member_of, *program.admin_of} - self.holders.keys():
                if not group.startswith("pg_"):
                    yield f"{name} is a member of {group}, which is neither a team nor a program"
        for name, holder in self.holders.items():
            yield from self._errors_of_holder(name, holder)

    def _errors_of_holder(self, name: str, holder: Holder) -> Iterator[str]:
        for schema, privileges in holder.schemas.items():
            if privileges == ["grant option"]:
                yield f"{name} has a grant option on {schema} without a privilege"
        for relation in [*holder.relations, *holder.sequences, *holder.routines]:
            schema = relation.split(".")[0]
            may_use = schema == "pg_catalog" or schema in self.owners.get(name, [])
            if not may_use and "usage" not in holder.schemas.get(schema, []):
                yield f"{name} is granted {relation} without usage of the schema {schema}"
        for relation, rights in holder.relations.items():
            yield from self._errors_of_rights(f"{name} is granted", relation, rights)

    def _errors_of_rights(self, granted: str, relation: str, rights: Rights) -> Iterator[str]:
        is_pattern = "*" in relation
        if is_pattern and relation.split(".")[0] not in self.built_by_dbt:
            yield f"{granted} {relation}; a pattern is allowed only for what dbt builds"
        for privilege, columns in rights.given():
            if is_pattern and columns != "all":
                yield f"{granted} columns of {relation}; a pattern covers whole views"
            personal = self.personal.get(relation, []) if privilege in COLUMN_PRIVILEGES else []
            if named := [column for column in personal if columns == "all" or column in columns]:
                yield (
                    f"{granted} {privilege} of {relation} with {', '.join(named)}, which the file "
                    "lists as personal"
                )
        if not list(rights.given()):
            yield f"{granted} nothing on {relation}; remove the line"


def load_policy(path: Path = ACCESS_FILE) -> Policy:
    """Reads an access file; raises `YamlError` and `PolicyError`."""
    return validate_policy(read_yaml(path), path.name)


def validate_policy(content: object, name: str = ACCESS_FILE.name) -> Policy:
    """Validates the content of an access file. Raises `PolicyError`."""
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        raise PolicyError(f"{name}: {_sentence(error)}.") from None


def _sentence(error: ValidationError) -> str:
    """Returns the first error, with the path to it."""
    first = error.errors()[0]
    path = " → ".join(str(part) for part in first["loc"] if part not in {"[key]", "function-after"})
    if first["type"] == "extra_forbidden":
        return f"{path} is not a known key"
    message = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    return f"{path}: {message}" if path else message
