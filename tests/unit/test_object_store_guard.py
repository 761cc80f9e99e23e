"""The guard of the embedded object store: which requests reach MiniStack."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests import Request

from infra.object_store.guard import Guard

URL = "http://127.0.0.1:14566/bucket/a%20b?versionId=1"
BODY = b"the bytes of an image"
KEY = Credentials("darkroom", "secret")
FOREIGN = Credentials("test", "test")
FIFTEEN_MINUTES = timedelta(minutes=15)


def ask(method: str, url: str, headers: Mapping[str, str], *parts: bytes) -> int | bytes:
    """Returns the body that reached the application, or the status of the refusal."""
    reached: list[bytes] = []
    sent: list[dict] = []
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    async def app(scope, receive, send):
        reached.append((await receive())["body"])

    address = urlsplit(url)
    named = {"host": address.netloc} | {name.lower(): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(address.path),
        "raw_path": address.path.encode(),
        "query_string": address.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    guard = Guard(app, {KEY.access_key: KEY.secret_key}.get)
    asyncio.run(guard(scope, receive, send))
    return reached[0] if reached else sent[0]["status"]


def signed(
    method: str = "PUT",
    url: str = URL,
    body: bytes = BODY,
    key: Credentials = KEY,
    age: timedelta = timedelta(0),
    **headers: str,
) -> dict[str, str]:
    request = AWSRequest(method, url, data=body, headers=headers)
    with patch("botocore.auth.get_current_datetime", lambda: naive_now() - age):
        S3SigV4Auth(key, "s3", "eu-central-1").add_auth(request)
    return dict(request.headers.items())


def presigned(
    method: str = "GET",
    url: str = URL,
    seconds: int = 60,
    age: timedelta = timedelta(0),
    **headers: str,
) -> str:
    request = AWSRequest(method, url, headers=headers)
    with patch("botocore.auth.get_current_datetime", lambda: naive_now() - age):
        S3SigV4QueryAuth(KEY, "s3", "eu-central-1", expires=seconds).add_auth(request)
    return request.url


def naive_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def test_a_signed_request_arrives_with_its_whole_body():
    assert ask("PUT", URL, signed(), BODY[:5], BODY[5:]) == BODY


def test_a_signed_call_of_a_service_without_a_digest_header_arrives():
    request = AWSRequest("POST", "http://127.0.0.1:14566/", data=b"{}")
    SigV4Auth(KEY, "sqs", "eu-central-1").add_auth(request)
    assert ask("POST", request.url, dict(request.headers), b"{}") == b"{}"
    assert ask("POST", request.url, dict(request.headers), b'{"a":1}') == 403


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ({}, b"other bytes"),
        ({"host": "page.example"}, BODY),
        ({"origin": "http://127.0.0.1:18080"}, BODY),
        ({"x-amz-copy-source": "/bucket/other"}, BODY),
        ({"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}, b"other"),
        ({"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, BODY),
        ({"x-amz-date": "yesterday"}, BODY),
    ],
    ids=str,
)
def test_a_signed_request_cannot_be_changed(change, sent):
    headers = {name.lower(): value for name, value in signed().items()}
    assert ask("PUT", URL, headers | change, sent) == 403


@pytest.mark.parametrize(
    "key", [FOREIGN, Credentials("darkroom", "guessed")], ids=["another key", "another secret"]
)
def test_another_key_or_secret_is_refused(key):
    assert ask("PUT", URL, signed(key=key), BODY) == 403


def test_a_signature_with_the_key_of_somebody_else_beside_it_is_refused():
    headers = signed()
    headers["Authorization"] = headers["Authorization"].replace(
        "Credential=", "Credential=test/x, Credential="
    )
    assert ask("PUT", URL, headers, BODY) == 403


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (FIFTEEN_MINUTES - timedelta(seconds=30), BODY),
        (FIFTEEN_MINUTES + timedelta(seconds=1), 403),
        (-FIFTEEN_MINUTES + timedelta(seconds=30), BODY),
        (-FIFTEEN_MINUTES - timedelta(seconds=30), 403),
    ],
    ids=str,
)
def test_a_signature_holds_for_a_quarter_of_an_hour(age, expected):
    assert ask("PUT", URL, signed(age=age), BODY) == expected


@pytest.mark.parametrize(
    "authorization", ["", "AWS darkroom:c2lnbmF0dXJl", "Bearer darkroom", "AWS4-HMAC-SHA256 x"]
)
def test_anything_but_signature_version_4_is_refused(authorization):
    assert ask("PUT", URL, signed() | {"Authorization": authorization}, BODY) == 403


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("&Action=GetObject", {}),
        ("", {"X-Amz-Target": "S3.GetObject"}),
        ("", {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
    ids=["in the address", "in a header", "in the body"],
)
def test_a_request_to_s3_that_names_an_action_is_refused(query, headers):
    request = signed("DELETE", URL + query, **headers)
    assert ask("DELETE", URL + query, request, BODY) == 403
    assert ask("GET", presigned(url=URL + query), headers) == 403


@pytest.mark.parametrize(
    ("query", "more", "expected"),
    [
        ("", {}, b"{}"),
        ("?Action=ListQueues", {}, 403),
        ("", {"Content-Type": "application/x-www-form-urlencoded"}, 403),
    ],
    ids=["in a header", "and in the address", "and in the body"],
)
def test_a_request_to_another_service_names_its_action_once(query, more, expected):
    headers = {"X-Amz-Target": "AmazonSQS.PurgeQueue", **more}
    url = f"http://127.0.0.1:14566/{query}"
    request = AWSRequest("POST", url, data=b"{}", headers=headers)
    SigV4Auth(KEY, "sqs", "eu-central-1").add_auth(request)
    assert ask("POST", url, dict(request.headers), b"{}") == expected


@pytest.mark.parametrize("query", ["", "?AWSAccessKeyId=darkroom&Signature=x&Expires=9999999999"])
def test_a_request_without_signature_is_refused(query):
    assert ask("GET", URL.partition("?")[0] + query, {}) == 403


def test_a_presigned_url_reads_one_object_until_it_expires():
    assert ask("GET", presigned(), {}) == b""
    assert ask("GET", presigned(age=timedelta(seconds=59)), {}) == b""
    assert ask("GET", presigned(age=timedelta(seconds=61)), {}) == 403
    assert ask("GET", presigned().replace("a%20b", "other"), {}) == 403
    assert ask("GET", presigned().replace("X-Amz-Expires=60", "X-Amz-Expires=600"), {}) == 403


def test_a_presigned_url_for_reading_has_no_body():
    as_form = {"content-type": "application/x-www-form-urlencoded"}
    assert ask("GET", presigned(), as_form, b"Action=ListUsers") == 403
    assert ask("GET", presigned(), {}, BODY) == 403


CREATION = {"If-None-Match": "*", "Content-Length": str(len(BODY)), "Content-Type": "image/png"}


def test_a_presigned_url_creates_one_object():
    url = presigned("PUT", **CREATION)
    assert ask("PUT", url, CREATION, BODY) == BODY
    assert ask("PUT", url.replace("a%20b", "other"), CREATION, BODY) == 403
    assert ask("DELETE", url, CREATION) == 403
    assert ask("PUT", presigned("PUT", age=timedelta(seconds=61), **CREATION), CREATION) == 403


@pytest.mark.parametrize(
    "change",
    [
        {"If-None-Match": '"an-etag"'},
        {"Content-Length": "9"},
        {"Content-Type": "text/html"},
        {"Transfer-Encoding": "chunked"},
        {"x-amz-tagging": "a=b"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_headers_of_a_creation_cannot_be_changed(change):
    assert ask("PUT", presigned("PUT", **CREATION), CREATION | change, BODY) == 403


@pytest.mark.parametrize("missing", ["If-None-Match", "Content-Length"])
def test_a_presigned_url_that_could_store_more_than_one_version_or_any_size_is_refused(missing):
    given = {name: value for name, value in CREATION.items() if name != missing}
    assert ask("PUT", presigned("PUT", **given), given, BODY) == 403
    assert ask("PUT", presigned("PUT", **given), CREATION, BODY) == 403


def test_a_url_and_a_header_do_not_sign_together():
    url = presigned("PUT", **CREATION)
    assert ask("PUT", url, CREATION | signed(url=url), BODY) == 403


def test_a_form_is_refused():
    client = boto3.client(
        "s3", "eu-central-1", aws_access_key_id="darkroom", aws_secret_access_key="secret"
    )
    form = client.generate_presigned_post("bucket", "key")
    request = Request("POST", URL, data=form["fields"], files={"file": BODY}).prepare()
    for url in (URL, "http://127.0.0.1:14566/bucket"):
        assert ask("POST", url, request.headers, request.body) == 403


@pytest.mark.parametrize("path", ["reset", "config", "ready", "%72eset", "sqs/messages"])
def test_administrative_paths_are_closed_to_everybody(path):
    url = f"http://127.0.0.1:14566/_ministack/{path}"
    assert ask("POST", url, signed("POST", url), BODY) == 403


def test_health_is_answered_to_programs_of_this_machine():
    url = "http://localhost:14566/_ministack/health"
    assert ask("GET", url, {}) == b""
    assert ask("POST", url, {}) == 403
    assert ask("GET", url, {"host": "page.example"}) == 403


def test_a_websocket_is_closed():
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(None, lambda _: None)({"type": "websocket"}, None, send))
    assert sent == [{"type": "websocket.close"}]
