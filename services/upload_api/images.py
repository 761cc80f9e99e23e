"""The routes under /v1: sending images and requesting their state."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from assets.ingestion.upload.api_keys import Caller
from assets.ingestion.upload.signature import Statement
from assets.ingestion.upload.source import upload_key
from assets.timing import utc_now
from services.upload_api.acceptance import Outcome
from services.upload_api.body import Declared, read_image
from services.upload_api.catalogue import status_url
from services.upload_api.dependencies import BEARER, Admission, admitted, authenticated
from services.upload_api.filenames import clean_filename, encoded
from services.upload_api.models import (
    Accepted,
    DirectUpload,
    DirectUploadUrl,
    Image,
    ImagePage,
    RequestedErasure,
)
from services.upload_api.openapi import CALLER_PROBLEMS, SEND_IMAGE, SENDER_PROBLEMS
from services.upload_api.problems import (
    GONE,
    KEY_REUSED,
    NOT_AN_IMAGE,
    NOT_COMPARABLE,
    REFUSED,
    STORAGE_FULL,
    TOO_SLOW,
    UNKNOWN_IMAGE,
    documented,
)
from services.upload_api.state import app_state_of
from services.upload_api.storage import UPLOAD_LIFE

_STATUS = {Outcome.REGISTERED: 201, Outcome.REPEATED: 200, Outcome.STORED: 202}
_STORED_NOTE = (
    "The image is stored safely. It cannot be registered at the moment; that is done automatically "
    "later, and its status URL works from then on."
)
_IMAGE_PROBLEMS = (
    *(NOT_AN_IMAGE, REFUSED, KEY_REUSED, NOT_COMPARABLE, GONE, TOO_SLOW, STORAGE_FULL),
)

router = APIRouter(prefix="/v1")

AuthenticatedCaller = Annotated[Caller, Depends(authenticated)]
AdmittedCaller = Annotated[Admission, Depends(admitted)]


@router.post(
    "/images",
    summary="Send an image",
    status_code=201,
    openapi_extra=SEND_IMAGE,
    responses={
        201: {"model": Accepted, "description": "The image is stored and registered."},
        200: {
            "model": Accepted,
            "description": "The image was sent before with this idempotency key.",
        },
        202: {
            "model": Accepted,
            "description": "The image is stored and will be registered later.",
        },
        **documented(*SENDER_PROBLEMS, *_IMAGE_PROBLEMS),
    },
)
async def send_image(request: Request) -> Response:
    """Accepts one image of at most 10 MiB, completely or not at all."""
    # Most requests come here. Calling the dependencies directly costs a third of what their
    # resolution by FastAPI does; `openapi` documents what FastAPI then cannot see.
    state = app_state_of(request)
    caller = await authenticated(request, await BEARER(request))
    _, rate_headers = await admitted(request, caller)
    declared = Declared.of(request)
    with state.memory.body(caller.uploader) as reserve:
        received = await read_image(request.receive, declared, state.timeouts, reserve)
        accepted = await state.acceptance.accept(
            received, caller.uploader, declared.idempotency_key, utc_now()
        )
    state.metrics.count(accepted)
    fields = state.catalogue.received(accepted.upload)
    note = _STORED_NOTE if accepted.outcome is Outcome.STORED else None
    body = Accepted(**fields, note=note)
    headers = {**rate_headers, "Location": body.status_url}
    return _respond(body, _STATUS[accepted.outcome], headers)


@router.get(
    "/images",
    summary="List your images",
    responses=documented(*CALLER_PROBLEMS),
)
async def list_images(
    request: Request,
    caller: AuthenticatedCaller,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[
        str | None, Query(max_length=200, description="`next_cursor` of the previous page")
    ] = None,
) -> ImagePage:
    """Returns the caller's images, newest first, without deleted ones."""
    catalogue = app_state_of(request).catalogue
    return await catalogue.page(caller.uploader, limit, cursor, utc_now())


@router.get(
    "/images/{image_id}",
    summary="Show an image",
    responses=documented(*CALLER_PROBLEMS, UNKNOWN_IMAGE),
)
async def show_image(request: Request, caller: AuthenticatedCaller, image_id: UUID) -> Image:
    """Returns state, reason for a rejection, renditions, and the time of deletion."""
    catalogue = app_state_of(request).catalogue
    return await catalogue.image(caller.uploader, image_id, utc_now())


@router.delete(
    "/images/{image_id}",
    summary="Delete an image",
    status_code=202,
    responses=documented(*CALLER_PROBLEMS, UNKNOWN_IMAGE),
)
async def delete_image(
    request: Request, caller: AuthenticatedCaller, image_id: UUID
) -> RequestedErasure:
    """Requests the deletion of all copies; from then on nobody sees the image.

    It cannot be sent again with the same idempotency key.
    """
    number = await app_state_of(request).catalogue.request_erasure(caller.uploader, image_id)
    return RequestedErasure(id=image_id, request=number)


@router.post(
    "/uploads",
    summary="Prepare a direct upload to S3",
    status_code=201,
    responses={201: {"model": DirectUploadUrl}, **documented(*SENDER_PROBLEMS)},
)
async def prepare_upload(
    request: Request, sender: AdmittedCaller, wanted: DirectUpload
) -> Response:
    """Returns a URL with which S3 stores this image, of at most 10 MiB, and nothing else."""
    state, now, image = app_state_of(request), utc_now(), uuid4()
    caller, rate_headers = sender
    key = upload_key(image, now)
    said = Statement(key, caller.uploader, bytes.fromhex(wanted.sha256))
    metadata = said.signed(state.settings.upload_signing_key)
    if name := clean_filename(wanted.filename):
        metadata["filename"] = encoded(name)
    url, headers = await state.storage.upload_url(key, wanted, metadata)
    body = DirectUploadUrl(
        id=image,
        url=url,
        headers=headers,
        expires_at=now + UPLOAD_LIFE,
        status_url=status_url(state.settings, image),
    )
    return _respond(body, 201, rate_headers)


def _respond(body: BaseModel, status: int, headers: Mapping[str, str]) -> Response:
    return Response(body.model_dump_json(), status, headers, "application/json")
