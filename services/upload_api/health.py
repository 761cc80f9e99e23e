"""Health and readiness of this process, for load balancers."""

import asyncio
import logging
from collections.abc import Awaitable

from fastapi import APIRouter, Request

from assets.errors import ServerError
from assets.resources.warehouse import Connection
from services.upload_api.models import Health, Readiness
from services.upload_api.problems import INTERNAL, UNAVAILABLE, ProblemError, documented
from services.upload_api.state import app_state_of

_LOG = logging.getLogger(__name__)
_PING_SECONDS = 2.0

router = APIRouter()


@router.get(
    "/healthz",
    summary="Does the process answer?",
    responses=documented(INTERNAL),
)
async def healthz() -> Health:
    """Answers 200 while the process runs."""
    return Health()


@router.get(
    "/readyz",
    summary="Can images be sent?",
    responses=documented(INTERNAL, UNAVAILABLE),
)
async def readyz(request: Request) -> Readiness:
    """Answers 200 while images can be stored durably, also without the database."""
    state = app_state_of(request)
    has_object_store, has_database = await asyncio.gather(
        _answers(state.storage.ping(_PING_SECONDS)), _answers(state.database.run(_ping))
    )
    if not has_object_store:
        raise ProblemError(UNAVAILABLE, "S3 does not answer, so no image can be stored.")
    if has_database:
        both = "Both servers answer."
        return Readiness(status="ready", object_store="answers", database="answers", detail=both)
    return Readiness(
        status="degraded",
        object_store="answers",
        database="does not answer",
        detail="Images are stored; they are registered when PostgreSQL answers again.",
    )


async def _answers(request: Awaitable[object]) -> bool:
    try:
        await request
    except ServerError as error:
        _LOG.warning("Not ready: %s", error)
        return False
    return True


def _ping(connection: Connection) -> None:
    connection.execute("select")
