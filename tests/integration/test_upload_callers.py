"""Who may send: keys made, listed and revoked; limits; and errors that say what to do."""

import re
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests

from assets.ingestion.upload import api_keys
from tests.integration.upload_api import serving, upload_settings
from tests.unit.pictures import encoded, noise
from tests.upload_client import Api
from tests.waiting import wait_until

JPEG = encoded(noise(), "JPEG")


def ask(api: Api, **headers: str) -> requests.Response:
    return requests.get(f"{api.address}/v1/images", headers=headers, timeout=10)


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "dr_0_0", "Bearer dr_0_0"],
)
def test_a_request_without_a_key_is_refused_with_advice(shared_upload_api, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    refused = ask(shared_upload_api, **headers)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (
        401,
        'Bearer realm="darkroom"',
    )
    assert "Authorization: Bearer <API key>" in refused.json()["detail"]


def test_an_unknown_key_is_refused(shared_upload_api):
    refused = ask(shared_upload_api, Authorization=f"Bearer {api_keys.new_key().text}")
    assert (refused.status_code, "invalid_token" in refused.headers["WWW-Authenticate"]) == (
        401,
        True,
    )


def wrong(api: Api) -> Api:
    """The API as somebody sees it who guesses keys."""
    return api.of(api_keys.new_key().text)


def test_wrong_keys_are_throttled_per_address_and_valid_ones_are_not(serve):
    api = serve(upload_trusted_proxies="127.0.0.1")
    assert api.get("/v1/images").status_code == 200
    guesses = [wrong(api).get("/v1/images") for _ in range(25)]
    assert [answer.status_code for answer in guesses] == [401] * 20 + [429] * 5
    assert guesses[-1].headers["Retry-After"] == "60"
    assert guesses[-1].json()["type"] == "urn:darkroom:problem:too-many-keys"
    assert api.get("/v1/images").status_code == 200
    for elsewhere in ("192.0.2.7", "2001:db8::1"):
        guess = wrong(api).get("/v1/images", headers={"X-Forwarded-For": elsewhere})
        assert guess.status_code == 401


def test_an_address_that_nobody_trusted_declares_does_not_evade_the_throttle(shared_upload_api):
    statuses = {
        wrong(shared_upload_api)
        .get("/v1/images", headers={"X-Forwarded-For": f"192.0.2.{number}"})
        .status_code
        for number in range(25)
    }
    assert 429 in statuses


def test_wrong_keys_at_once_cost_a_few_queries(serve, owner):
    api = serve()
    assert api.get("/v1/images").status_code == 200
    before = scans(owner)
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda _: wrong(api).get("/v1/images"), range(200)))
    wait_until(lambda: scans(owner) > before, "the sessions to report what they read")
    assert scans(owner) - before < 40


def scans(connection: psycopg.Connection) -> int:
    """How often the table of keys was read, as far as the sessions have reported it."""
    [(count,)] = connection.execute(
        "select seq_scan + coalesce(idx_scan, 0) from pg_stat_user_tables where relname = 'api_key'"
    ).fetchall()
    return count


def test_the_secret_of_one_key_is_invalid_with_the_id_of_another(issue_key, upload_api):
    one, other = upload_api.key, issue_key("stranger")
    mixed = one[:16] + other[16:]
    assert mixed.startswith("dr_")
    assert ask(upload_api, Authorization=f"Bearer {mixed}").status_code == 401


def test_a_revoked_key_is_refused_after_the_next_refresh(serve, owner):
    api = serve(upload_keys_seconds=0.1)
    assert api.send(JPEG).status_code == 201
    api_keys.revoke(owner, api_keys.read_key(api.key).key_id)
    wait_until(lambda: api.get("/v1/images").status_code == 401, "the key to be refused")
    assert api.send(JPEG).status_code == 401


def test_the_warehouse_holds_no_secret(owner, upload_api):
    secret = api_keys.read_key(upload_api.key).secret
    rows = owner.execute("select api_key::text from image_catalog.api_key").fetchall()
    assert rows
    assert secret not in str(rows)


def test_the_rate_limit_holds_for_one_uploader_and_not_for_others(serve, issue_key):
    api = serve(upload_requests_per_minute=3)
    colleague = api.of(issue_key("shop"))
    stranger = api.of(issue_key("stranger"))
    left = []
    while (answer := api.send(JPEG)).status_code == 201:
        left.append(re.search(r"r=(\d+);t=\d+", answer.headers["RateLimit"])[1])
        assert answer.headers["RateLimit-Policy"] == '"uploads";q=3;w=60'
    assert left[:3] == ["2", "1", "0"]
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert "3 uploads a minute" in answer.json()["detail"]
    for path in ("/v1/images", "/v1/uploads"):
        assert colleague.post(path, data=b"{}").status_code == 429
    assert stranger.send(JPEG).status_code == 201
    assert api.get("/v1/images").status_code == 200


def test_the_commands_make_list_and_revoke_a_key(command, stack):
    made = command("keys", "add", "shop-of-commands")
    assert made.exit_code == 0
    key = api_keys.read_key(re.search(r"dr_\S+", made.output)[0])
    listed = command("keys", "list").output
    assert (key.key_id in listed, key.secret in listed) == (True, False)
    with serving(upload_settings(stack, stack.settings())) as address:
        assert Api(address, key.text).get("/v1/images").status_code == 200
    revoked = command("keys", "revoke", key.key_id, "--yes")
    assert (revoked.exit_code, "within a minute" in revoked.output) == (0, True)
    with serving(upload_settings(stack, stack.settings())) as address:
        assert Api(address, key.text).get("/v1/images").status_code == 401
    assert command("keys", "revoke", key.key_id, "--yes").exit_code == 0


@pytest.mark.parametrize("name", ["Shop", "a shop", "x;drop"])
def test_an_invalid_uploader_name_is_refused_with_advice(command, name):
    refused = command("keys", "add", name)
    assert (refused.exit_code, "begin with a small letter or digit" in refused.output) == (2, True)
    assert "UPLOADER" in refused.output


def test_an_unknown_key_cannot_be_revoked(command):
    refused = command("keys", "revoke", "nonesuch")
    assert (refused.exit_code, "`darkroom keys list` shows them" in refused.output) == (1, True)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nowhere", 404, "openapi.json"),
        ("GET", "/v1", 404, "openapi.json"),
        ("GET", "/v1/images/", 404, "openapi.json"),
        ("GET", "/static/../app.py", 404, "openapi.json"),
        ("GET", "/static/nothing.js", 404, "openapi.json"),
        ("DELETE", "/v1/images", 405, "Use one of GET, POST for this URL."),
        ("GET", "/v1/uploads", 405, "Use one of POST for this URL."),
        ("POST", "/healthz", 405, "Use one of GET for this URL."),
        ("GET", "/v1/images/not-an-id", 422, "path image_id"),
        ("GET", "/v1/images?limit=0", 422, "query limit"),
        ("GET", "/v1/images?limit=101", 422, "query limit"),
        ("GET", "/v1/images?limit=many", 422, "query limit"),
        ("GET", "/v1/images?cursor=forged", 422, "cursor"),
        ("GET", "/docs", 404, "openapi.json"),
    ],
)
def test_every_error_is_a_problem_that_says_what_to_do(
    shared_upload_api, method, path, status, words
):
    answer = shared_upload_api.ask(method, path)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["type"].startswith("urn:darkroom:problem:")
    assert words in problem["detail"]
    assert set(problem) == {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"size_bytes": 1}',
        b'{"content_type": "image/png"}',
        b'{"content_type": "text/html", "size_bytes": 1}',
        b'{"content_type": "image/png", "size_bytes": 0}',
        b'{"content_type": "image/png", "size_bytes": 10485761}',
    ],
)
def test_an_invalid_request_for_a_form_is_refused(shared_upload_api, body):
    refused = shared_upload_api.post("/v1/uploads", data=body)
    assert (refused.status_code, refused.json()["title"]) == (422, "The request is invalid")


def test_an_internal_error_reveals_nothing(upload_api, owner):
    """The ledger's table is gone: nothing that the API could know of."""
    owner.execute("alter table image_catalog.image rename to hidden")
    refused = upload_api.get("/v1/images")
    assert (refused.status_code, refused.json()["title"]) == (
        500,
        "The server failed",
    )
    assert "image_catalog" not in refused.text
    assert upload_api.send(JPEG).status_code == 202


def test_a_cross_origin_request_is_not_allowed(shared_upload_api):
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        shared_upload_api.ask("OPTIONS", "/v1/images", headers=headers),
        shared_upload_api.get("/v1/images", headers=headers),
    ):
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
