"""Supervises a started stack: restarts what ended without being stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from kafka.errors import KafkaError
from sqlalchemy.exc import SQLAlchemyError

from assets.errors import ServerError, StackError
from infra.local.dagster import is_code_server_missing
from infra.local.server import Health
from infra.local.stack import Stack

_POLL_SECONDS = 2.0
_WITHOUT_CODE_SECONDS = 30.0
_MAX_FAILURES = 15
# Raised by a start during which a server goes away; it is repeated.
_RETRYABLE_ERRORS = (
    *(StackError, ServerError, BotoCoreError, ClientError, KafkaError),
    *(OSError, SQLAlchemyError, psycopg.Error),
)


def supervise(stack: Stack, report: Callable[[str], None]) -> None:
    """Waits until another command stops the stack; restarts what was killed.

    Args:
        report: Called with a sentence about what ended, and about what runs again.

    Raises `StackError` when something could not be restarted in many attempts.
    """
    supervisor = Supervisor(stack, report)
    while stack.dagster.health() is not Health.STOPPED:
        supervisor.poll()
        time.sleep(_POLL_SECONDS)


@dataclass
class Supervisor:
    """Supervises a stack, one poll at a time.

    Attributes:
        failures: How many starts in a row failed.
        code_loaded_at: When Dagster was last seen with its code loaded, by the monotonic clock.
    """

    stack: Stack
    report: Callable[[str], None]
    failures: int = 0
    code_loaded_at: float = field(default_factory=time.monotonic)

    def poll(self) -> None:
        """Restarts what has ended; a start that fails is repeated at the next poll.

        Raises `StackError` when too many starts in a row failed.
        """
        self._kill_dagster_without_code()
        watched = (*self.stack.servers, *self.stack.programs)
        dead = [server for server in watched if server.health() is Health.KILLED]
        if not dead:
            return
        titles = " and ".join(server.title for server in dead)
        self.report(f"{titles} ended unexpectedly; starting again.")
        try:
            if any(server in self.stack.servers for server in dead):
                self.stack.start()  # provisions too: a server may have lost its settings
            self.stack.start_upload_api()
            self.stack.start_dagster()
        except _RETRYABLE_ERRORS as error:
            self._count_failure(titles, error)
        else:
            self.failures = 0
            self.code_loaded_at = time.monotonic()
            self.report(f"Started again: {titles}.")

    def _count_failure(self, titles: str, error: Exception) -> None:
        self.failures += 1
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if self.failures == _MAX_FAILURES:
            raise StackError(
                f"{titles} could not be started again in {self.failures} attempts; the last one "
                f"met this: {reason} See the logs, then `darkroom down` and `darkroom up`."
            ) from error
        self.report(f"The start was disturbed and is tried again: {reason}")

    def _kill_dagster_without_code(self) -> None:
        """Kills a Dagster that has lost its code for good, so that it counts as dead."""
        if not is_code_server_missing(self.stack.dagster):
            self.code_loaded_at = time.monotonic()
        elif time.monotonic() - self.code_loaded_at > _WITHOUT_CODE_SECONDS:
            self.report("Dagster lost the process that has loaded the code.")
            if (process := self.stack.dagster.process()) is not None:
                process.kill()
                psutil.wait_procs([process], timeout=_POLL_SECONDS)
