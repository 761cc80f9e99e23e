"""The status of the platform: its servers, its backlog, its disk use, and what is red."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assets.catalog.ledger import backlog
from assets.errors import ServerError
from assets.processing.isolation_report import layers_sentence, permitted_layers
from assets.resources.warehouse import Warehouse
from infra.console import counted
from infra.local.dagster_api import CheckState, check_states, failed_jobs
from infra.local.server import Health, Server
from infra.local.stack import Stack
from infra.object_store.durability import MIN_FREE_BYTES

_BLOCK_BYTES = 512  # whatever the file system uses: stat(2)
_OLDEST_COPY = "no_copy_is_older_than_retention"


@dataclass(frozen=True)
class ServerStatus:
    """One server: its title, whether it runs, and where."""

    title: str
    state: Health
    address: str
    pid: int | None
    log: str


@dataclass(frozen=True)
class PlatformStatus:
    """The platform at one moment.

    Attributes:
        backlog: Images that wait, by UTC day of arrival; None when PostgreSQL does not answer.
        image_workers: What isolates them on this machine.
        disk_bytes: Disk use of the state folder.
        disk_free_bytes: Free space of its file system.
        oldest_copy: What the hourly check said of the oldest copy; None when it has not run.
        oldest_copy_hours: The age of the oldest copy of each kind, when the check ran.
        red: A sentence each for a full disk, a server that was killed, a check that failed and a
            job whose last run failed.
    """

    servers: tuple[ServerStatus, ...]
    backlog: dict[str, int] | None
    image_workers: str
    disk_bytes: int
    disk_free_bytes: int
    oldest_copy: str | None
    oldest_copy_hours: dict[str, float]
    oldest_copy_measured_at: datetime | None
    red: tuple[str, ...]

    @property
    def backlog_sentence(self) -> str:
        """The backlog in words."""
        if self.backlog is None:
            return "unknown: PostgreSQL does not answer"
        if not self.backlog:
            return "no image waits"
        waiting = counted(sum(self.backlog.values()), "image")
        return f"{waiting} of {counted(len(self.backlog), 'day')} to process"

    @property
    def disk_sentence(self) -> str:
        """Disk use in words."""
        return f"{self.disk_bytes / 1e9:,.2f} GB, {self.disk_free_bytes / 1e9:,.2f} GB free"


def read_status(stack: Stack) -> PlatformStatus:
    """Reads the status of the platform, without what does not answer."""
    servers = tuple(_server_status(server) for server in (*stack.servers, *stack.programs))
    is_up = stack.web_server.is_running
    checks = check_states(stack.ports.dagster) if is_up else []
    failed = failed_jobs(stack.ports.dagster) if is_up else []
    oldest = next((one for one in checks if one.name == _OLDEST_COPY and one.status), None)
    disk = shutil.disk_usage(stack.state.root if stack.state.root.exists() else Path.cwd())
    killed = [one.title for one in servers if one.state is Health.KILLED]
    return PlatformStatus(
        servers=servers,
        backlog=_backlog(stack),
        image_workers=layers_sentence(permitted_layers()),
        disk_bytes=_bytes_below(stack.state.root),
        disk_free_bytes=disk.free,
        oldest_copy=oldest.description if oldest else None,
        oldest_copy_hours=_ages(oldest) if oldest else {},
        oldest_copy_measured_at=datetime.fromtimestamp(oldest.evaluated_at, UTC)
        if oldest
        else None,
        red=(
            *_too_little_space(disk.free),
            *(f"{it} ended without being stopped; `darkroom up` starts it again." for it in killed),
            *(f"{one.name} of {one.asset}: {one.description}" for one in checks if one.is_error),
            *(f"The last run of {job} failed; look at it in Dagster's UI." for job in failed),
        ),
    )


def _too_little_space(free_bytes: int) -> list[str]:
    if free_bytes >= MIN_FREE_BYTES:
        return []
    free, least = free_bytes / 1e9, MIN_FREE_BYTES / 1e9
    return [f"{free:.2f} GB are free, and S3 stores nothing below {least:.2f} GB; make space."]


def _server_status(server: Server) -> ServerStatus:
    process = server.process()
    return ServerStatus(
        server.title,
        server.health(),
        server.address,
        process.pid if process else None,
        server.log.name,
    )


def _backlog(stack: Stack) -> dict[str, int] | None:
    try:
        with Warehouse.from_settings(stack.settings()).connect() as connection:
            return {f"{one.day}": one.waiting for one in backlog(connection)}
    except ServerError:
        return None


def _ages(check: CheckState) -> dict[str, float]:
    thresholds = {"threshold_hours", "warning_hours"}
    return {
        label.removesuffix("_hours"): hours
        for label, hours in check.figures.items()
        if label.endswith("_hours") and label not in thresholds
    }


def _bytes_below(root: Path) -> int:
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            with suppress(FileNotFoundError):  # deleted meanwhile
                total += Path(folder, name).lstat().st_blocks * _BLOCK_BYTES
    return total
