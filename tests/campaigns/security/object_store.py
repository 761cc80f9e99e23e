"""Whether a program of another user, or a web page, can use the embedded S3 and SQS.

They reach its port and know everything that is no secret: the key's name and the buckets.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode
from uuid import uuid4

import requests
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from infra.object_store.programs import KAFKA_BUCKET
from tests.campaigns.security.attempt import SECONDS, Attempt, Target
from tests.campaigns.security.means import StoreKey, guest_key, own_key, program_key

_BODY = b"an object of the platform"
_PAGE = "https://page.example"
_REGION = "eu-central-1"
_WRONG = "not-the-secret"
"""A secret that no key has."""


_CREATION = {"If-None-Match": "*", "Content-Length": f"{len(_BODY)}"}
"""Headers of a request that creates an object."""


@contextmanager
def _object(target: Target, bucket: str | None = None, folder: str = "") -> Iterator[str]:
    """Stores an object while the block lasts, usually in the logs bucket; returns its URL."""
    bucket, key = bucket or target.env["LOGS_BUCKET"], f"{folder}{uuid4()}"
    s3 = target.platform.object_store.s3
    s3.put_object(Bucket=bucket, Key=key, Body=_BODY)
    try:
        yield f"{target.env['AWS_ENDPOINT_URL']}/{bucket}/{key}"
    finally:
        s3.delete_object(Bucket=bucket, Key=key)


def _signed(
    key: StoreKey, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> dict[str, str]:
    """Returns the headers that sign a request."""
    request = AWSRequest(method, url, data=body, headers=headers)
    S3SigV4Auth(Credentials(key.name, key.secret), "s3", _REGION).add_auth(request)
    return dict(request.headers)


def _presigned(
    key: StoreKey, url: str, method: str = "GET", headers: dict[str, str] | None = None
) -> str:
    request, seconds = AWSRequest(method, url, headers=headers), 60
    S3SigV4QueryAuth(Credentials(key.name, key.secret), "s3", _REGION, expires=seconds).add_auth(
        request
    )
    return str(request.url)


def _ask(method: str, url: str, **more: Any) -> requests.Response:
    return requests.request(method, url, timeout=SECONDS, **more)


def _assert_allowed(answer: requests.Response) -> None:
    """The positive control: without it, a wrong request would count as held."""
    if not answer.ok:
        raise AssertionError(f"a permitted request is answered {answer.status_code}")


def _use_without_signature(target: Target) -> Iterator[str]:
    bucket = target.env["LOGS_BUCKET"]
    endpoint = target.env["AWS_ENDPOINT_URL"]
    with _object(target) as url:
        _assert_allowed(_ask("GET", url, headers=_signed(own_key(target), "GET", url)))
        form = {"key": f"{uuid4()}"}
        list_queues = {"X-Amz-Target": "AmazonSQS.ListQueues"}
        for what, answer in {
            "listed the buckets": _ask("GET", endpoint),
            "read an object": _ask("GET", url),
            "overwrote an object": _ask("PUT", url, data=b"mine"),
            "sent a form": _ask("POST", f"{endpoint}/{bucket}", data=form, files={"file": b"x"}),
            "listed the queues": _ask("POST", endpoint, data="{}", headers=list_queues),
            "deleted an object": _ask("DELETE", url),
        }.items():
            if answer.ok:
                yield f"{what} without a signature"


def _use_with(target: Target, key: StoreKey) -> Iterator[str]:
    with _object(target) as url:
        if _ask("GET", url, headers=_signed(key, "GET", url)).ok:
            yield f"read an object as “{key.name}”"
        if _ask("GET", _presigned(key, url)).ok:
            yield f"read an object by a presigned URL of “{key.name}”"
        bucket, name = url.rsplit("/", 2)[1:]
        creation = _presigned(key, f"{url}-new", "PUT", _CREATION)
        if _ask("PUT", creation, data=_BODY, headers=_CREATION).ok:
            yield f"created an object by a presigned URL of “{key.name}”"
            target.platform.object_store.delete(bucket, [(f"{name}-new", None)])
        for service, call in {
            "s3": "list_buckets",
            "sqs": "list_queues",
            "iam": "list_users",
            "sts": "get_caller_identity",
        }.items():
            try:
                getattr(key.client(target, service), call)()
            except ClientError:
                continue
            yield f"called {call} as “{key.name}”"


def _use_well_known_keys(target: Target) -> Iterator[str]:
    if len(list(_use_with(target, own_key(target)))) < 7:
        raise AssertionError("the operator's key cannot do everything")
    secret = target.env["AWS_SECRET_ACCESS_KEY"]
    for key in (
        StoreKey("test", "test"),
        StoreKey("test", _WRONG),
        StoreKey("000000000000", "test"),
        StoreKey("123456789012", _WRONG),
        StoreKey("root", secret[::-1]),
    ):
        yield from _use_with(target, key)


def _use_wrong_secret(target: Target) -> Iterator[str]:
    name = target.env["AWS_ACCESS_KEY_ID"]
    for secret in (_WRONG, "test", target.env["AWS_SECRET_ACCESS_KEY"][:-1]):
        yield from _use_with(target, StoreKey(name, secret))


def _change_signed_requests(target: Target) -> Iterator[str]:
    key = own_key(target)
    with _object(target) as url, _object(target) as other:
        signed = _signed(key, "PUT", url, b"signed")
        _assert_allowed(_ask("PUT", url, data=b"signed", headers=signed))
        shared = _presigned(key, url)
        _assert_allowed(_ask("GET", shared))
        query = shared.partition("?")[2]
        action = "Action=ListUsers&Version=2010-05-08"
        as_form = {"Content-Type": "application/x-www-form-urlencoded"}
        copied = {**signed, "x-amz-copy-source": other.split("/", 3)[3]}
        twice = signed["Authorization"].replace(
            "Credential=", "Credential=test/x/x/s3/x, Credential="
        )
        with patch("botocore.auth.get_current_datetime", _an_hour_ago):
            old = _signed(key, "GET", url)
        for what, answer in {
            "changed the body of a signed request": _ask("PUT", url, data=b"other", headers=signed),
            "sent a signed request elsewhere": _ask("PUT", other, data=b"signed", headers=signed),
            "added a header to a signed request": _ask("PUT", url, data=b"signed", headers=copied),
            "named two keys": _ask(
                "PUT", url, data=b"signed", headers={**signed, "Authorization": twice}
            ),
            "sent a request that was signed an hour ago": _ask("GET", url, headers=old),
            "read another object by a presigned URL": _ask("GET", f"{other}?{query}"),
            "deleted an object by a URL for reading": _ask("DELETE", shared),
            "called IAM by a URL for reading": _ask("GET", shared, data=action, headers=as_form),
        }.items():
            if answer.ok:
                yield what


def _an_hour_ago() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)


def _use_from_page(target: Target) -> Iterator[str]:
    key = own_key(target)
    with _object(target) as url:
        page = {"Origin": _PAGE}
        shared = _presigned(key, url)
        _assert_allowed(_ask("GET", shared))
        creation = _presigned(key, f"{url}-new", "PUT", _CREATION)
        preflight = {**page, "Access-Control-Request-Method": "PUT"}
        foreign = "http://page.example:14566" + url[url.index("/", 8) :]
        for what, answer in {
            "read an object": _ask("GET", shared, headers=page),
            "got leave for more": _ask("OPTIONS", url, headers=preflight),
            "created an object": _ask("PUT", creation, data=_BODY, headers={**_CREATION, **page}),
            "read an object under a name of its own": _ask(
                "GET",
                f"{url}?{_presigned(key, foreign).partition('?')[2]}",
                headers={"Host": "page.example:14566"},
            ),
        }.items():
            if answer.ok:
                yield f"a web page {what}"


_FOREIGN = (
    ("upload_api", "DELETE", "an original"),
    ("upload_api", "GET", "a compute log"),
    ("upload_api", "GET", "Kafka's data"),
    ("upload_api", "PUT", "a rendition"),
    ("kafka", "GET", "an original"),
    ("kafka", "DELETE", "a rendition"),
    ("web_server", "GET", "an original"),
    ("web_server", "PUT", "a compute log"),
    ("code_server", "GET", "a compute log"),
    ("views", "GET", "a rendition"),
    ("access", "DELETE", "a compute log"),
    ("ingestion", "DELETE", "an original"),
    ("ingestion", "PUT", "an original"),
    ("processing", "DELETE", "an original"),
    ("processing", "PUT", "Kafka's data"),
    ("retention", "PUT", "an original"),
    ("archive", "GET", "an original"),
)
"""What programs do not need: whose key, which request, and on which object."""


def _exceed_a_programs_rights(target: Target) -> Iterator[str]:
    settings = target.platform.settings
    with ExitStack() as stored:
        urls = {
            what: stored.enter_context(_object(target, bucket, folder))
            for what, bucket, folder in (
                ("an original", settings.raw_bucket, "upload/"),
                ("a rendition", settings.processed_bucket, ""),
                ("a compute log", settings.logs_bucket, ""),
                ("Kafka's data", KAFKA_BUCKET, "attempt/"),
            )
        }
        for program, what in (("upload_api", "an original"), ("web_server", "a compute log")):
            signed = _signed(program_key(target, program), "GET", urls[what])
            _assert_allowed(_ask("GET", urls[what], headers=signed))
        for program, method, what in _FOREIGN:
            body = b"x" if method == "PUT" else b""
            signed = _signed(program_key(target, program), method, urls[what], body)
            if _ask(method, urls[what], data=body, headers=signed).ok:
                yield f"{method} of {what} with the key of {program}"
        original = urls["an original"]
        named = f"{original}?Action=PutObject"
        target_header = {"X-Amz-Target": "S3.PutObject"}
        as_form = {"Content-Type": "application/x-www-form-urlencoded"}
        for how, url, headers, body in (
            ("in the address", named, {}, b""),
            ("in a header", original, target_header, b""),
            ("in the body", original, as_form, b"Action=PutObject"),
        ):
            signed = _signed(program_key(target, "upload_api"), "DELETE", url, body, headers)
            if _ask("DELETE", url, data=body, headers=signed).ok:
                yield f"DELETE of an original by another action {how}"


def _purge_the_queue(target: Target) -> Iterator[str]:
    """The sensors' key may count notifications; MiniStack knows three ways to name an action."""
    endpoint, store = target.env["AWS_ENDPOINT_URL"], target.platform.object_store
    queue = store.sqs.get_queue_url(QueueName=store.settings.raw_events_queue)["QueueUrl"]
    counting, purging = "GetQueueAttributes", "PurgeQueue"
    as_json = {"Content-Type": "application/x-amz-json-1.0"}
    as_form = {"Content-Type": "application/x-www-form-urlencoded"}
    body, form = json.dumps({"QueueUrl": queue}), {"QueueUrl": queue, "Version": "2012-11-05"}

    def asks(path: str, body: str, headers: dict[str, str]) -> bool:
        key = program_key(target, "code_server")
        request = AWSRequest("POST", f"{endpoint}/{path}", data=body, headers=headers)
        SigV4Auth(Credentials(key.name, key.secret), "sqs", _REGION).add_auth(request)
        return _ask("POST", str(request.url), data=body, headers=dict(request.headers)).ok

    def target_of(action: str) -> dict[str, str]:
        return {**as_json, "X-Amz-Target": f"AmazonSQS.{action}"}

    if not asks("", body, target_of(counting)):
        raise AssertionError("the sensors' key cannot count notifications")
    for how, is_done in {
        "plainly": asks("", body, target_of(purging)),
        "by an address that counts": asks(f"?Action={counting}", body, target_of(purging)),
        "by a form to an address that counts": asks(
            f"?Action={counting}", urlencode({**form, "Action": purging}), as_form
        ),
        "by a form with a header that counts": asks(
            "", urlencode({**form, "Action": purging}), {**target_of(counting), **as_form}
        ),
    }.items():
        if is_done:
            yield f"the queue is purged {how}"


def _use_administration(target: Target) -> Iterator[str]:
    endpoint, key = target.env["AWS_ENDPOINT_URL"], own_key(target)
    _assert_allowed(_ask("GET", f"{endpoint}/_ministack/health"))
    with _object(target) as url:
        queue = target.platform.object_store.sqs.get_queue_url(
            QueueName=target.platform.settings.raw_events_queue
        )
        for path in (f"sqs/messages?QueueUrl={queue['QueueUrl']}", "ready"):
            if _ask("GET", f"{endpoint}/_ministack/{path}").ok:
                yield f"read /_ministack/{path.partition('?')[0]}"
        body = json.dumps({"ministack.region": "us-east-1"})
        if _ask("POST", f"{endpoint}/_ministack/config", data=body).ok:
            yield "changed the configuration"
        for headers in (
            {},
            {"Origin": _PAGE},
            _signed(key, "POST", f"{endpoint}/_ministack/reset"),
        ):
            if _ask("POST", f"{endpoint}/_ministack/reset", headers=headers).ok:
                yield "deleted everything"
                target.stack.start()  # provisions everything again
        if not _ask("GET", url, headers=_signed(key, "GET", url)).ok:
            yield "the object is gone"


def _exceed_policy(target: Target) -> Iterator[str]:
    """Somebody has a key of their own, which may read one object."""
    with _object(target) as mine, _object(target) as other:
        path = "/".join(mine.rsplit("/", 2)[1:])
        with guest_key(target, "s3:GetObject", path) as guest:
            _assert_allowed(_ask("GET", mine, headers=_signed(guest, "GET", mine)))
            if _ask("GET", other, headers=_signed(guest, "GET", other)).ok:
                yield "a guest read another object"
            if _ask("DELETE", mine, headers=_signed(guest, "DELETE", mine)).ok:
                yield "a guest deleted an object"
            forged = _signed(guest, "GET", other)
            root = f"Credential={target.env['AWS_ACCESS_KEY_ID']}/"
            forged["Authorization"] = forged["Authorization"].replace(
                "Credential=", f"{root}x, Credential="
            )
            if _ask("GET", other, headers=forged).ok:
                yield "a guest named the operator's key beside its own"
            forged_secret = StoreKey(guest.name, _WRONG)
            if _ask("GET", mine, headers=_signed(forged_secret, "GET", mine)).ok:
                yield "somebody signed for a guest with a wrong secret"


ATTEMPTS = (
    Attempt("use the object store without a signature", _use_without_signature),
    Attempt("use the object store with a well-known key", _use_well_known_keys),
    Attempt("use the object store with a wrong secret", _use_wrong_secret),
    Attempt("change signed requests to the object store", _change_signed_requests),
    Attempt("use the object store from a web page", _use_from_page),
    Attempt("do more with a key of the object store than its policy allows", _exceed_policy),
    Attempt("do with a program's key what only others may", _exceed_a_programs_rights),
    Attempt("purge the queue with a key that may only count what it holds", _purge_the_queue),
    Attempt("administer the object store, and delete everything in it", _use_administration),
)
