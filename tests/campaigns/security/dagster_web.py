"""Whether a page that somebody opens in a browser can read or change anything in Dagster.

Such a page sends what it likes to any address of this machine; it cannot choose `Host`, `Origin`
and `Sec-Fetch-*`. Every attempt is made at the web server's own port and at the edge.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from infra.local.edge import DAGSTER
from tests.campaigns.security.attempt import SECONDS, Attempt, Target

_EVIL: Final = "http://evil.example"
_DAY: Final = "1970-01-01"
_LOCATION: Final = (
    'repositorySelector: {repositoryName: "__repository__", '
    'repositoryLocationName: "orchestration.definitions"}, partitionsDefName: "arrival_day"'
)
_ADD: Final = f'addDynamicPartition({_LOCATION}, partitionKey: "{_DAY}") {{ __typename }}'
_DELETE: Final = f'deleteDynamicPartitions({_LOCATION}, partitionKeys: ["{_DAY}"]) {{ __typename }}'
_CHANGE: Final = f"mutation {{ {_ADD} }}"
_LOOK: Final = (
    'query { assetNodeOrError(assetKey: {path: ["image_catalog", "rendition"]}) '
    "{ ... on AssetNode { partitionKeys } } }"
)
_JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Request:
    """What a page sends, and the status that it is to be answered with."""

    name: str
    expected: int
    method: str = "POST"
    path: str = "/graphql"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True)
class Door:
    """A way to the web server: its name, port and the host under which its own pages are."""

    name: str
    port: int
    host: str

    def send(self, request: Request) -> requests.Response:
        """Returns the answer to a request."""
        return requests.request(
            request.method,
            f"http://127.0.0.1:{self.port}{request.path}",
            headers={"Host": self.host, **request.headers},
            data=request.body,
            timeout=SECONDS,
            allow_redirects=False,
        )

    def ask(self, document: str) -> requests.Response:
        """Returns the answer to a document that a page of its own sends."""
        own = {"Origin": f"http://{self.host}", "Sec-Fetch-Site": "same-origin"}
        return self.send(_json(document, 200, own))

    def has_day(self) -> bool:
        """Whether the partition that attempts add is there."""
        return _DAY in self.ask(_LOOK).text

    def check(self) -> None:
        """Raises `AssertionError` unless a page of its own can read and change something."""
        for statement, is_added in ((_ADD, True), (_DELETE, False)):
            answer = self.ask(f"mutation {{ {statement} }}")
            if self.has_day() is not is_added:
                raise AssertionError(f"{self.name} does not work for its own page: {answer.text}")


def _doors(target: Target) -> tuple[Door, ...]:
    ports = target.stack.ports
    return (
        Door("its own port", ports.dagster, f"127.0.0.1:{ports.dagster}"),
        Door("the edge", ports.edge, f"{DAGSTER}:{ports.edge}"),
    )


def _json(document: str, expected: int, headers: Mapping[str, str], name: str = "") -> Request:
    body = json.dumps({"query": document})
    return Request(name, expected, headers={**_JSON, **headers}, body=body)


def _send_all(target: Target, sent: Sequence[Request]) -> Iterator[str]:
    for door in _doors(target):
        door.check()
        for request in sent:
            status = door.send(request).status_code
            if status != request.expected:
                yield f"{request.name} at {door.name}: status {status}, not {request.expected}"
            if door.has_day():
                yield f"{request.name} at {door.name} changed something"
                door.ask(f"mutation {{ {_DELETE} }}")


def _follow_links(target: Target) -> Iterator[str]:
    several = f"query look {{ __typename }} mutation change {{ {_ADD} }}"
    queries = {
        "a mutation": urlencode({"query": _CHANGE}),
        "a mutation beside a query": urlencode({"query": several, "operationName": "change"}),
        "a mutation behind a comment": urlencode({"query": f"\ufeff# query\n{_CHANGE}"}),
        "a second document": urlencode([("query", "{ __typename }"), ("query", _CHANGE)]),
    }
    yield from _send_all(
        target,
        [
            Request(f"{method} of {name}", 405, method, f"/graphql?{query}", {"Referer": _EVIL})
            for name, query in queries.items()
            for method in ("GET", "HEAD", "PUT")
        ],
    )


def _submit_forms(target: Target) -> Iterator[str]:
    text, document = json.dumps({"query": _CHANGE}), urlencode({"query": _CHANGE})
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    parts = part.format("operations", text) + part.format("map", "{}") + "--x--\r\n"
    forms = {
        "a form": ("application/x-www-form-urlencoded", document),
        "a form with files": ("multipart/form-data; boundary=x", parts),
        "JSON as text": ("text/plain", text),
        "JSON as text that names JSON": ("text/plain; application/json", text),
        "a document": ("application/graphql", _CHANGE),
    }
    sent = [
        Request(name, 403, headers={"Content-Type": kind}, body=body)
        for name, (kind, body) in forms.items()
    ]
    by_address = Request("a form to a mutation", 405, path=f"/graphql?{document}")
    batch = Request("a batch of documents", 500, headers=_JSON, body=f"[{text}, {text}]")
    yield from _send_all(target, [*sent, by_address, batch])


def _fetch_from_other_pages(target: Target) -> Iterator[str]:
    marks = (
        {"Origin": _EVIL},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{target.stack.ports.upload_api}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
        {"Host": "evil.example", "Origin": _EVIL, "Sec-Fetch-Site": "same-origin"},
        {"Host": f"evil.example:{target.stack.ports.dagster}"},
    )
    frame = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    yield from _send_all(
        target,
        [
            *(_json(_CHANGE, 403, one, f"a change with {one}") for one in marks),
            *(_json(_LOOK, 403, one, f"a look with {one}") for one in marks),
            Request("a frame", 403, "GET", "/runs", {**frame, "Sec-Fetch-Dest": "iframe"}),
            Request("a link", 200, "GET", "/runs", {**frame, "Sec-Fetch-Dest": "document"}),
            Request("a look at its health", 200, "GET", "/healthz", {"Host": "evil.example"}),
        ],
    )


def _open_websockets(target: Target) -> Iterator[str]:
    for door in _doors(target):
        door.check()
        if not _is_opened(door, door.host, f"http://{door.host}"):
            raise AssertionError(f"its own page cannot open a websocket through {door.name}")
        for host, origin in (
            (door.host, _EVIL),
            (door.host, "null"),
            ("evil.example", _EVIL),
            ("evil.example", None),
        ):
            if _is_opened(door, host, origin):
                yield f"a websocket from {origin} to {host} was opened at {door.name}"
        _change_by_websocket(door)
        if door.has_day():
            yield f"a websocket changed something at {door.name}"
            door.ask(f"mutation {{ {_DELETE} }}")


@contextmanager
def _websocket(door: Door, host: str, origin: str | None) -> Iterator[ClientConnection]:
    with connect(
        f"ws://{host}/graphql",
        address=("127.0.0.1", door.port),
        additional_headers={"Origin": origin} if origin else {},
        subprotocols=[Subprotocol("graphql-ws")],
        open_timeout=SECONDS,
        proxy=None,
    ) as opened:
        yield opened


def _is_opened(door: Door, host: str, origin: str | None) -> bool:
    try:
        with _websocket(door, host, origin):
            return True
    except InvalidStatus:
        return False


def _change_by_websocket(door: Door) -> None:
    """Sends a mutation in place of a subscription, by the messages of both protocols."""
    for kind in ("start", "subscribe"):
        with _websocket(door, door.host, f"http://{door.host}") as opened:
            opened.send(json.dumps({"type": kind, "id": "1", "payload": {"query": _CHANGE}}))
            opened.send(json.dumps({"type": "connection_init"}))
            while json.loads(opened.recv(SECONDS))["type"] != "connection_ack":
                pass


ATTEMPTS = (
    Attempt("change Dagster by a link or a picture in a page", _follow_links),
    Attempt("change Dagster by a form in a page", _submit_forms),
    Attempt("read or change Dagster by a script in a page", _fetch_from_other_pages),
    Attempt("read or change Dagster by a websocket of a page", _open_websockets),
)
