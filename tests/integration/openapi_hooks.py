"""What schemathesis cannot read off the OpenAPI document: what an image is, and what was given out.

Loaded by its own process; see `test_upload_openapi.py`.
"""

import re
import uuid
from typing import Any

import schemathesis
from hypothesis import strategies as st

from assets.ingestion.upload.lookup import Position
from assets.validation.headers import ALLOWED_FORMATS
from services.upload_api.catalogue import write_cursor
from tests.unit.arrivals import NOON
from tests.unit.pictures import encoded, noise

_PICTURES = {f"image/{name.lower()}": encoded(noise(), name) for name in ALLOWED_FORMATS}
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_A_CURSOR = write_cursor(Position(NOON, uuid.UUID(int=0)))


def _unsent(body: bytes) -> bytes:
    """Returns a picture that was never deleted and can be sent; decoders stop at its end."""
    return body + uuid.uuid4().bytes


for _media_type, _body in _PICTURES.items():
    schemathesis.openapi.media_type(_media_type, st.just(_body).map(_unsent))
schemathesis.openapi.media_type(
    "application/octet-stream", st.sampled_from(list(_PICTURES.values())).map(_unsent)
)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Puts a cursor that was given out, and a key for this image alone, where they fit the form."""
    cursor = (case.query or {}).get("cursor")
    if isinstance(cursor, str) and len(cursor) <= 200:
        case.query["cursor"] = _A_CURSOR
    for name, value in dict(case.headers or {}).items():
        if name.lower() == "idempotency-key" and _KEY.fullmatch(str(value)):
            case.headers[name] = str(uuid.uuid4())
