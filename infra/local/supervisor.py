"""Supervises a started stack: restarts what ended without being stopped, repairs its buckets."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.exc import SQLAlchemyError

from assets.errors import ServerError, StackError
from infra.local.server import Health
from infra.local.stack import Stack

_POLL_SECONDS = 2.0
_REPAIR_SECONDS = 60.0
_MAX_FAILURES = 15
# Raised by a start during which a server goes away; it is repeated.
_RETRYABLE_ERRORS = (
    *(StackError, ServerError, BotoCoreError, ClientError, OSError, SQLAlchemyError),
)


def supervise(stack: Stack, report: Callable[[str], None]) -> None:
    """Waits until another command stops the stack; restarts what was killed.

    Args:
        report: Called with a sentence about what ended, what runs again, and what was repaired.

    Raises `StackError` when something could not be restarted in many attempts.
    """
    supervisor = Supervisor(stack, report)
    while stack.web_server.health() is not Health.STOPPED:
        supervisor.poll()
        time.sleep(_POLL_SECONDS)


@dataclass
class Supervisor:
    """Supervises a stack, one poll at a time.

    Attributes:
        failures: How many starts in a row failed.
    """

    stack: Stack
    report: Callable[[str], None]
    failures: int = 0
    _repaired_at: float = float("-inf")

    def poll(self) -> None:
        """Restarts what has ended; a start that fails is repeated at the next poll.

        Once a minute it also repairs buckets, queue and notifications.

        Raises `StackError` when too many starts in a row failed.
        """
        watched = (*self.stack.servers, *self.stack.programs)
        dead = [server for server in watched if server.health() is Health.KILLED]
        if not dead:
            if time.monotonic() - self._repaired_at >= _REPAIR_SECONDS:
                self._repair()
            return
        titles = " and ".join(server.title for server in dead)
        self.report(f"{titles} ended unexpectedly; starting again.")
        try:
            if any(server in self.stack.servers for server in dead):
                self.stack.start()  # provisions too: a server may have lost its settings
            self.stack.start_programs()
        except _RETRYABLE_ERRORS as error:
            self._count_failure(titles, error)
        else:
            self.failures = 0
            self.report(f"Started again: {titles}.")

    def _repair(self) -> None:
        self._repaired_at = time.monotonic()
        try:
            repaired = self.stack.provision_object_store()
        except _RETRYABLE_ERRORS as error:
            self.report(f"Buckets and queue could not be checked: {_first_line(error)}")
        else:
            for one in repaired:
                self.report(f"The {one} was not as it should be; it is repaired.")

    def _count_failure(self, titles: str, error: Exception) -> None:
        self.failures += 1
        reason = _first_line(error)
        if self.failures == _MAX_FAILURES:
            raise StackError(
                f"{titles} could not be started again in {self.failures} attempts; the last one "
                f"met this: {reason} See the logs, then `darkroom down` and `darkroom up`."
            ) from error
        self.report(f"The start was disturbed and is tried again: {reason}")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
