"""The platform in code: its settings and one client per server.

Opening a platform connects to nothing; each client connects when it is first used.
"""

from dataclasses import dataclass
from typing import Self

from assets.resources.event_log import EventLog
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings


@dataclass(frozen=True)
class Platform:
    """Settings and the clients of S3, Kafka and PostgreSQL, passed as one."""

    settings: Settings
    object_store: ObjectStore
    event_log: EventLog
    warehouse: Warehouse

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Returns the platform that the settings describe."""
        return cls(
            settings, ObjectStore(settings), EventLog(settings), Warehouse.from_settings(settings)
        )
