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
_NAMES_BEFORE_START = {"lock", "reports", "secrets.lock"}
_OWN_NAMES = _NAMES_BEFORE_START | {
    *("apache_kafka", "dagster", "demo.json", "edge", "env", "logs", "object_store"),
    *("postgres", "postgres.part", "receipts.pem", "run", "secrets.json", "senders"),
}


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class ServerPasswords:
    """Passwords of the embedded servers, generated once and kept in the state folder (mode 600).

    A field that is added is generated at the next start of an older state folder.
    """

    postgres_superuser: str = field(default_factory=_password, repr=False)
    darkroom_admin: str = field(default_factory=_password, repr=False)
    darkroom_loader: str = field(default_factory=_password, repr=False)
    darkroom_uploader: str = field(default_factory=_password, repr=False)
    darkroom_builder: str = field(default_factory=_password, repr=False)
    darkroom_dagster: str = field(default_factory=_password, repr=False)
    s3_operator: str = field(default_factory=_password, repr=False)
    s3_kafka: str = field(default_factory=_password, repr=False)
    s3_upload_api: str = field(default_factory=_password, repr=False)
    s3_web_server: str = field(default_factory=_password, repr=False)
    s3_code_server: str = field(default_factory=_password, repr=False)
    s3_access: str = field(default_factory=_password, repr=False)
    s3_views: str = field(default_factory=_password, repr=False)
    s3_ingestion: str = field(default_factory=_password, repr=False)
    s3_processing: str = field(default_factory=_password, repr=False)
    s3_retention: str = field(default_factory=_password, repr=False)
    s3_archive: str = field(default_factory=_password, repr=False)
    upload_signing_key: str = field(default_factory=_password, repr=False)
    erasure_key: str = field(default_factory=_password, repr=False)

    @property
    def of_object_store(self) -> dict[str, str]:
        """The secret keys of the object store, by program."""
        prefix = "s3_"
        return {
            name.removeprefix(prefix): secret
            for name, secret in asdict(self).items()
            if name.startswith(prefix)
        }


def _read_passwords(path: Path) -> dict[str, str]:
    """Returns the passwords of a file, whichever version wrote it, by name.

    Raises `StackError` when it cannot be read, or lacks the one that an existing database demands.
    """
    try:
        known = json.loads(path.read_text())
        if "postgres_superuser" in known and all(isinstance(one, str) for one in known.values()):
            return dict(known)
    except (ValueError, TypeError, AttributeError):
        pass  # not JSON, or no JSON object
    raise StackError(
        f"{path} cannot be read as this version's passwords; `darkroom reset` deletes the "
        "state folder, and `darkroom up` creates a new one."
    )


@dataclass(frozen=True)
class StateFolder:
    """One folder with all state of the embedded stack; deleting it is a full reset."""

    root: Path

    @property
    def is_marked(self) -> bool:
        """Whether the folder carries the platform's marker, without which it is never deleted."""
        return self.root.joinpath(MARKER).is_file()

    def require_ours(self) -> None:
        """Raises `StackError` when the folder is there and holds something else."""
        if not self.root.exists() or self.is_marked or self._is_ours():
            return
        if not self.is_marked:  # asked again: another command may have marked and filled it
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
        """Recognises the folder of an earlier version, which carries no marker, by its content.

        Nothing needs to be recognised where no file is but what a command leaves before a start.
        """
        if not self.root.is_dir():
            return False
        paths = list(self.root.iterdir())
        evidence = {"secrets.json": "darkroom_loader", "dagster/dagster.yaml": "infra.dagster"}
        return {path.name for path in paths} <= _OWN_NAMES and (
            any(
                self.root.joinpath(name).is_file()
                and word in self.root.joinpath(name).read_text(errors="replace")
                for name, word in evidence.items()
            )
            or not any(
                file.is_file()
                for path in paths
                if path.name not in _NAMES_BEFORE_START
                for file in (path, *path.rglob("*"))
            )
        )

    def path(self, *parts: str) -> Path:
        """Returns a path inside the folder, whose parent it creates."""
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def secrets(self) -> ServerPasswords:
        """Reads the passwords; those that the folder does not have yet are generated.

        Raises `StackError` when servers hold data but the passwords are gone or unreadable.
        """
        path, names = self.path("secrets.json"), {one.name for one in fields(ServerPasswords)}
        if not path.exists() and self.root.joinpath("postgres").exists():
            raise StackError(
                f"{self.root} holds a database but not its passwords ({path.name} is missing); put "
                "the file back, or delete the state folder with `darkroom reset`."
            )
        known = _read_passwords(path) if path.exists() else {}
        if not names <= known.keys():
            self.mark()
            with FileLock(self.path("secrets.lock")):  # so that two commands use the same ones
                known = asdict(ServerPasswords()) | (_read_passwords(path) if path.exists() else {})
                self.write_private(path, json.dumps(known, indent=2))
        return ServerPasswords(**{name: known[name] for name in names})

    def write_private(self, path: Path, text: str) -> None:
        """Writes a file that only its owner may read, completely or not at all."""
        part = path.with_suffix(path.suffix + ".part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        part.replace(path)

    @contextmanager
    def lock(self, wait_seconds: float = 60) -> Iterator[None]:
        """Locks the folder while servers start or stop; another command waits.

        Raises `StackError` when another command does not release the lock in time.
        """
        try:
            held = FileLock(self.path("lock")).acquire(timeout=wait_seconds)
        except Timeout as error:
            raise StackError(
                f"Another command is starting or stopping the stack in {self.root}; "
                "wait for it to end, or end it, and try again."
            ) from error
        with held:
            yield

    def require_marker(self) -> None:
        """Raises `StackError` when the folder does not carry the platform's marker."""
        if not self.is_marked:
            raise StackError(
                f"{self.root} does not carry the marker of a state folder ({MARKER}), so it is not "
                "deleted; `darkroom up` marks the state folder of an earlier version."
            )

    def delete(self) -> None:
        """Deletes the folder. Raises `StackError` when it does not carry the platform's marker."""
        self.require_marker()
        shutil.rmtree(self.root)
