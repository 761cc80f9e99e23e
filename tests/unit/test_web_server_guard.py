"""The guard before Dagster's web server: which requests it passes on."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from assets.settings import WebServerSettings
from infra.dagster.guard import Guard, find_refusal

HOST, OWN = "dagster.localhost:18000", "http://dagster.localhost:18000"
HOSTS = {HOST, "127.0.0.1:3000"}
JSON = {"content-type": "application/json"}
MUTATION = "mutation{reloadWorkspace{__typename}}"


def scope(
    method: str = "GET",
    headers: Mapping[str, str] = MappingProxyType({}),
    query: str = "",
    **changes,
) -> dict:
    every = {"host": HOST, **headers}
    return {
        "type": "http",
        "method": method,
        "path": "/graphql",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in every.items()],
    } | changes


def status(asked: dict) -> int | None:
    refusal = find_refusal(asked, HOSTS)
    return refusal and refusal.status


@pytest.mark.parametrize(
    "asked",
    [
        scope(),
        scope("HEAD"),
        scope("POST", JSON),
        scope("POST", {"content-type": "Application/JSON; charset=utf-8"}),
        scope("POST", JSON | {"origin": OWN, "sec-fetch-site": "same-origin"}),
        scope(headers={"host": "127.0.0.1:3000", "sec-fetch-site": "none"}),
        scope(query="query={__typename}"),
        scope(query="query=query+mutation{__typename}"),
        scope(query="query=}"),
        scope(
            headers={
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            }
        ),
        scope(type="websocket"),
        scope(type="websocket", headers={"origin": OWN}),
    ],
)
def test_own_pages_programs_and_followed_links_are_answered(asked):
    assert status(asked) is None


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "dagster.localhost"},
        {"host": f"evil.example@{HOST}"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": f"{OWN}.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "iframe",
        },
    ],
)
def test_pages_of_others_are_refused(kind, headers):
    assert status(scope(headers=headers, type=kind)) == 403


@pytest.mark.parametrize("count", [0, 2])
def test_one_host_is_required(count):
    asked = scope() | {"headers": [(b"host", HOST.encode())] * count}
    assert status(asked) == 403


def test_no_page_of_another_site_can_send_a_form():
    marks = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert status(scope("POST", JSON | marks | {"sec-fetch-dest": "document"})) == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "query",
    [
        f"query={MUTATION}",
        f"query=%EF%BB%BF%23comment%0A{MUTATION}",
        "query={__typename}&query=" + MUTATION,
        f"query=query+a{{__typename}}+{MUTATION.replace('mutation', 'mutation+b')}&operationName=b",
        f"operationName=a&query=query+a{{__typename}}+{MUTATION.replace('mutation', 'mutation+b')}",
        "query=%6Dutation{reloadWorkspace{__typename}}",
        'query=subscription{pipelineRunLogs(runId:"a"){__typename}}',
    ],
)
def test_an_address_changes_nothing(method, query):
    assert status(scope(method, JSON, query)) == 405


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(method):
    assert status(scope(method, JSON)) == 405


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"),
        *("application/graphql", "text/plain; application/json", "application/json-seq", ""),
        "application/json, text/plain",
    ],
)
def test_only_json_is_accepted(content_type):
    assert status(scope("POST", {"content-type": content_type})) == 403


def test_a_body_of_no_type_or_of_two_types_is_refused():
    assert status(scope("POST")) == 403
    twice = scope("POST", JSON)
    twice["headers"].append((b"content-type", b"text/plain"))
    assert status(twice) == 403


async def _never(*_: object) -> None:
    raise AssertionError("it was passed on")


def answer(asked: dict) -> dict:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(Guard(_never, HOSTS)(asked, _never, send))
    return sent[0]


def test_health_is_answered_for_any_host():
    asked = scope(headers={"host": "evil.example"}, path="/healthz")
    assert answer(asked)["status"] == 200


def test_a_refused_websocket_is_never_opened():
    asked = scope(headers={"origin": "http://evil.example"}, type="websocket")
    assert answer(asked)["type"] == "websocket.close"


def test_it_answers_for_its_own_address_and_the_named_hosts():
    settings = WebServerSettings(
        dagster_port=4711, dagster_allowed_hosts="Dagster.example, ,dagster.localhost:18000"
    )
    assert settings.hosts == {
        *("127.0.0.1:4711", "localhost:4711"),
        *("dagster.example", "dagster.localhost:18000"),
    }
