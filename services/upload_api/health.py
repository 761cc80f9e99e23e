"""Health and readiness of this process, for load balancers."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter, Request

from assets.errors import ServerError, ServerRefusedError
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
    object_store, database = await asyncio.gather(
        _state(state.storage.ping(_PING_SECONDS)), _state(state.database.run(_ping))
    )
    if object_store != "answers":
        raise ProblemError(UNAVAILABLE, f"S3 {object_store}, so no image can be stored.")
    if database == "answers":
        both = "Both servers answer."
        return Readiness(status="ready", object_store="answers", database="answers", detail=both)
    return Readiness(
        status="degraded",
        object_store="answers",
        database=database,
        detail="Images are stored; they are registered when PostgreSQL can be used again.",
    )


async def _state(
    request: Awaitable[object],
) -> Literal["answers", "does not answer", "refuses"]:
    try:
        await request
    except ServerError as error:
        _LOG.warning("Not ready: %s", error)
        return "refuses" if isinstance(error, ServerRefusedError) else "does not answer"
    return "answers"


def _ping(connection: Connection) -> None:
    connection.execute("select")
