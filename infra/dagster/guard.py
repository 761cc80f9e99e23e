"""The guard before Dagster's web server, which has no login and answers every caller.

A browser sends requests for any page that a person opens, also to this machine: a page of somebody
else must neither read nor change anything here. The guard knows its own pages by `Host` and
`Origin`, which no page can choose. A request without these marks comes from a program.
"""

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HEALTH: Final = "/healthz"
_READING: Final = {"GET", "HEAD"}
_OWN_PAGES: Final = {"same-origin", "none"}
"""Values of `Sec-Fetch-Site`: a page of the same origin, or a person who typed the address."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not passed on."""

    status: HTTPStatus
    reason: str


@dataclass(frozen=True)
class Guard:
    """Passes on what pages of the web server itself and programs ask; answers `/healthz` itself.

    Args:
        app: The web server.
        hosts: The values of `Host` that it answers, in lower case.
    """

    app: ASGIApp
    hosts: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or passes it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == HEALTH:
            await PlainTextResponse("ok")(scope, receive, send)
            return
        refusal = find_refusal(scope, self.hosts)
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        else:
            response = PlainTextResponse(refusal.reason, refusal.status)
            await response(scope, receive, send)


def find_refusal(scope: Scope, hosts: Collection[str]) -> Refusal | None:
    """Returns why a request or the opening of a websocket is refused; None if it is not."""
    headers = Headers(scope=scope)
    foreign = _find_foreign(scope, headers, hosts)
    if foreign or scope["type"] == "websocket":
        return foreign
    method = scope["method"]
    if method not in _READING and method != "POST":
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET, HEAD and POST are answered.")
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if any(map(_changes_something, query.get("query", []))):
        reason = "An address changes nothing; send the mutation as JSON by POST."
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, reason)
    if method == "POST" and not _is_json(headers.getlist("content-type")):
        return Refusal(HTTPStatus.FORBIDDEN, "Only application/json is accepted, as no form is.")
    return None


def _find_foreign(scope: Scope, headers: Headers, hosts: Collection[str]) -> Refusal | None:
    named = [host.lower() for host in headers.getlist("host")]
    if len(named) != 1 or named[0] not in hosts:
        return Refusal(HTTPStatus.FORBIDDEN, "This web server does not answer for that host.")
    own = {f"{scheme}://{named[0]}" for scheme in ("http", "https")}
    if not own.issuperset(origin.lower() for origin in headers.getlist("origin")):
        return Refusal(HTTPStatus.FORBIDDEN, "Pages of other origins are not answered.")
    is_own = _OWN_PAGES.issuperset(headers.getlist("sec-fetch-site"))
    if not is_own and not _is_opened_by_a_person(scope, headers):
        return Refusal(HTTPStatus.FORBIDDEN, "Other pages can link to this one, nothing else.")
    return None


def _is_opened_by_a_person(scope: Scope, headers: Headers) -> bool:
    """Whether a link of another page is followed, as the page of a tab of its own."""
    marks = headers.getlist("sec-fetch-mode"), headers.getlist("sec-fetch-dest")
    return (
        scope["type"] == "http"
        and scope["method"] in _READING
        and marks
        == (
            ["navigate"],
            ["document"],
        )
    )


def _is_json(content_types: list[str]) -> bool:
    """Whether the body says to be JSON, which a page of another origin has to ask leave for."""
    return [one.partition(";")[0].strip().lower() for one in content_types] == ["application/json"]


def _changes_something(document: str) -> bool:
    """Whether any operation of a document, selected or not, is more than a query."""
    try:
        definitions = parse(document).definitions
    except GraphQLError:
        return False  # Dagster cannot execute it either
    operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
    return any(one.operation is not OperationType.QUERY for one in operations)
