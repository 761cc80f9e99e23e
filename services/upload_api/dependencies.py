"""FastAPI dependencies of the routes: a valid API key, and an upload left in this minute."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from assets.ingestion.upload.api_keys import Caller, read_key
from assets.timing import utc_now
from services.upload_api.problems import UNAUTHORIZED, ProblemError
from services.upload_api.state import app_state_of

_REALM = 'Bearer realm="darkroom"'
BEARER = HTTPBearer(
    auto_error=False, scheme_name="ApiKey", description="dr_…, created with `darkroom keys add`"
)


Admission = tuple[Caller, Mapping[str, str]]
"""A caller who may send one upload, and the headers that state how many are left."""


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
) -> Caller:
    """Returns the caller.

    Raises `ProblemError` without a valid key, and for any uncached key from an address that sent
    too many wrong ones, and `ServerError` when an uncached key cannot be looked up.
    """
    key = read_key(credentials.credentials) if credentials else None
    if key is None:
        raise ProblemError(
            UNAUTHORIZED,
            "Send the header “Authorization: Bearer <API key>”; the platform team issues keys.",
            {"WWW-Authenticate": _REALM},
        )
    state = app_state_of(request)
    if caller := state.api_key_cache.cached(key):
        return caller
    address = request.client.host if request.client else ""
    await state.wrong_keys.check(address)
    caller = await state.api_key_cache.caller(key)
    if caller is None:
        await state.wrong_keys.count(address)
        raise ProblemError(
            UNAUTHORIZED,
            "This API key is unknown or revoked; ask the platform team for a new one.",
            {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
        )
    return caller


async def admitted(
    request: Request, caller: Annotated[Caller, Depends(authenticated)]
) -> Admission:
    """Counts an upload of a caller. Raises `ProblemError` when the rate limit is exceeded."""
    headers = await app_state_of(request).rate_limit.admit(caller.uploader, utc_now())
    return caller, headers
