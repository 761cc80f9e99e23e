"""The state folder: data, logs, process records and passwords of the embedded servers."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from filelock import FileLock, Timeout

from assets.errors import StackError

MARKER = "darkroom-state"
_MARKER_TEXT = "State of a Darkroom platform. `darkroom reset` deletes this folder.\n"
_OWN_NAMES = {
    "apache_kafka",
    "dagster",
    "demo.json",
    "env",
    "lock",
    "logs",
    "object_store",
    "postgres",
    "postgres.part",
    "reports",
    "run",
    "secrets.json",
    "senders",
}
_NAMES_BEFORE_START = {"lock", "reports"}


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class ServerPasswords:
    """Passwords of the embedded servers, generated once and kept in the state folder (mode 600)."""

    postgres_superuser: str = field(default_factory=_password, repr=False)
    darkroom_admin: str = field(default_factory=_password, repr=False)
    darkroom_loader: str = field(default_factory=_password, repr=False)
    darkroom_uploader: str = field(default_factory=_password, repr=False)
    darkroom_builder: str = field(default_factory=_password, repr=False)
    darkroom_dagster: str = field(default_factory=_password, repr=False)
    s3_secret_key: str = field(default_factory=_password, repr=False)


def _read_passwords(path: Path) -> ServerPasswords:
    names = {secret.name for secret in fields(ServerPasswords)}
    try:
        known = json.loads(path.read_text())
    except ValueError:
        known = None
    if not isinstance(known, dict) or known.keys() != names:
        raise StackError(
            f"{path} cannot be read as this version's passwords; `darkroom reset` deletes the "
            "state folder, and `darkroom up` creates a new one."
        )
    return ServerPasswords(**known)


@dataclass(frozen=True)
class StateFolder:
    """One folder with everything that the embedded stack keeps; deleting it is a full reset."""

    root: Path

    @property
    def is_marked(self) -> bool:
        """Whether the folder carries the platform's marker, without which it is never deleted."""
        return self.root.joinpath(MARKER).is_file()

    def require_ours(self) -> None:
        """Raises `StackError` when the folder is there and holds something else."""
        if self.root.exists() and not self.is_marked and not self._is_ours():
            raise StackError(
                f"DARKROOM_STATE is {self.root}, which is not a state folder of Darkroom; "
                "name a new or an empty folder."
            )

    def mark(self) -> None:
        """Creates the folder with the platform's marker, and marks one of an earlier version.

        Raises `StackError` when the folder holds something else.
        """
        self.require_ours()
        if not self.is_marked:
            self.path(MARKER).write_text(_MARKER_TEXT)

    def _is_ours(self) -> bool:
        """Recognises the folder of an earlier version, which carries no marker, by its content."""
        names = {path.name for path in self.root.iterdir()} if self.root.is_dir() else {"a file"}
        evidence = {"secrets.json": "darkroom_loader", "dagster/dagster.yaml": "infra.dagster"}
        is_known = any(
            path.is_file() and word in path.read_text(errors="replace")
            for path, word in ((self.root / name, word) for name, word in evidence.items())
        )
        return names <= _OWN_NAMES and (is_known or not self._has_files(names))

    def _has_files(self, names: set[str]) -> bool:
        """Tells whether any of these folders holds more than a command leaves before a start."""
        return any(
            path.is_file()
            for name in names - _NAMES_BEFORE_START
            for path in (self.root / name, *self.root.joinpath(name).rglob("*"))
        )

    def path(self, *parts: str) -> Path:
        """Returns a path inside the folder, its parent made."""
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def secrets(self) -> ServerPasswords:
        """Reads the passwords, generating them at the first call.

        Raises `StackError` when servers hold data but the passwords are gone or unreadable.
        """
        path = self.path("secrets.json")
        if path.exists():
            return _read_passwords(path)
        if self.root.joinpath("postgres").exists():
            raise StackError(
                f"{self.root} holds a database but not its passwords ({path.name} is missing); put "
                "the file back, or delete the state folder with `darkroom reset`."
            )
        self.mark()
        made = ServerPasswords()
        self.write_private(path, json.dumps(asdict(made), indent=2))
        return made

    def write_private(self, path: Path, text: str) -> None:
        """Writes a file that only its owner may read, whole or not at all."""
        part = path.with_suffix(path.suffix + ".part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        part.replace(path)

    @contextmanager
    def lock(self, wait_seconds: float = 60) -> Iterator[None]:
        """Holds the folder while servers start or stop; another caller waits its turn.

        Raises `StackError` when the other one does not end in time.
        """
        lock = FileLock(self.path("lock"))
        try:
            lock.acquire(timeout=wait_seconds)
        except Timeout as error:
            raise StackError(
                f"Another command is starting or stopping the stack in {self.root}; "
                "wait for it to end, or end it, and try again."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def require_marker(self) -> None:
        """Raises `StackError` when the folder does not carry the platform's marker."""
        if not self.is_marked:
            raise StackError(
                f"{self.root} does not carry the marker of a state folder ({MARKER}), so it is not "
                "deleted; `darkroom up` marks the state folder of an earlier version."
            )

    def delete(self) -> None:
        """Deletes the folder and everything in it, if it carries the platform's marker.

        Raises `StackError` when it does not.
        """
        self.require_marker()
        shutil.rmtree(self.root)
