"""The upload API as a program of the stack: started, killed, ended, measured, behind a proxy."""

import json
import threading
from collections.abc import Callable, Iterator

import psutil
import pytest
import requests

from infra.local.server import Health, Server, accepts_connections
from infra.local.servers import upload_api_server
from infra.local.stack import Stack
from tests.unit.pictures import encoded, noise
from tests.upload_client import Api
from tests.waiting import wait_until

JPEG = encoded(noise(), "JPEG")


@pytest.fixture
def server(stack: Stack, own_warehouse: dict[str, str]) -> Iterator[Server]:
    """The upload API as the stack starts it, over a warehouse of its own."""
    made = upload_api_server(stack.state, stack.ports, own_warehouse)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def program(server: Server, issue_key: Callable[[str], str]) -> Api:
    return Api(f"http://127.0.0.1:{server.port}", issue_key("shop"))


def test_it_accepts_images(program):
    assert program.send(JPEG).status_code == 201


def test_the_stack_starts_it_and_stops_it(stack):
    stack.start_upload_api()
    try:
        assert stack.upload_api.health() is Health.RUNNING
        answer = requests.get(f"http://127.0.0.1:{stack.ports.upload_api}/readyz", timeout=10)
        assert answer.json()["status"] == "ready"
    finally:
        stack.upload_api.stop()
    assert stack.upload_api.health() is Health.STOPPED


def test_its_process_has_only_its_own_password(stack, server):
    process = server.process()
    secrets = vars(stack.state.secrets())
    own = {"darkroom_uploader", "s3_upload_api", "upload_signing_key", "erasure_key"}
    of_others = set(secrets) - own
    told = " ".join([*process.cmdline(), *process.environ().values()])
    assert [name for name in of_others if secrets[name] in told] == []
    assert secrets["darkroom_uploader"] in told


def test_it_listens_on_the_loopback_address_only(server):
    process = server.process()
    found = {
        connection.laddr.ip
        for one in [process, *process.children(recursive=True)]
        for connection in one.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert found == {"127.0.0.1"}


def test_its_log_names_no_uploader_and_no_image(server, program):
    image = program.send(JPEG, X_Filename="private.jpg", Idempotency_Key="mine").json()["id"]
    program.get(f"/v1/images/{image}")
    program.get("/v1/images/not-an-id")
    program.send(b"x" * 100, X_Filename="private.jpg")
    log = server.log.read_text()
    assert [word for word in (image, "private", "mine", "shop", program.key) if word in log] == []


def test_a_killed_process_is_noticed_and_restarted(stack, server, program):
    process = server.process()
    process.kill()
    psutil.wait_procs([process], timeout=10)
    assert stack.upload_api.health() is Health.KILLED
    server.start()
    assert program.send(JPEG).status_code == 201


def test_the_status_shows_it(stack, server, command):
    shown = command("status").output
    [line] = [line for line in shown.splitlines() if "Upload API" in line]
    assert "running" in line
    assert f"127.0.0.1:{stack.ports.upload_api}" in line


def test_an_upload_in_flight_is_finished_at_a_shutdown(server, program):
    with program.begin(f"Content-Length: {len(JPEG)}") as connection:
        connection.sendall(JPEG[:100])
        in_flight = "darkroom_upload_requests_in_flight"
        wait_until(lambda: metric(server, in_flight) == 1, "the request to begin")
        process = server.process()
        ending = threading.Thread(target=server.stop)
        ending.start()
        wait_until(lambda: not accepts_connections(program.port), "the shutdown to begin")
        connection.sendall(JPEG[100:])
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        ending.join()
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    image = json.loads(answer.partition(b"\r\n\r\n")[2])["id"]
    server.start()
    assert program.get(f"/v1/images/{image}").status_code == 200


def metrics(server: Server) -> str:
    port = server.ports["UPLOAD_METRICS_PORT"]
    return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text


def metric(server: Server, name: str) -> float:
    """A metric's value, or 0 while there is none."""
    for line in metrics(server).splitlines():
        if line.startswith(f"{name} "):
            return float(line.rpartition(" ")[2])
    return 0.0


def test_requests_and_outcomes_are_counted(server, program):
    program.send(JPEG, Idempotency_Key="k")
    program.send(JPEG, Idempotency_Key="k")
    program.send(b"x" * 100)
    program.get("/v1/images/not-an-id")
    program.get("/nowhere/of/mine")
    answered = "darkroom_upload_requests_total"
    counts = {
        'darkroom_uploads_total{outcome="registered"}': 1,
        'darkroom_uploads_total{outcome="repeated"}': 1,
        "darkroom_uploads_bytes_total": len(JPEG),
        f'{answered}{{method="POST",route="/v1/images",status="201"}}': 1,
        f'{answered}{{method="POST",route="/v1/images",status="415"}}': 1,
        f'{answered}{{method="GET",route="/v1/images/{{image_id}}",status="422"}}': 1,
        f'{answered}{{method="GET",route="other",status="404"}}': 1,
        'darkroom_upload_problems_total{kind="not-an-image"}': 1,
        'darkroom_upload_request_seconds_count{route="/v1/images"}': 3,
        "darkroom_upload_requests_in_flight": 0,
    }
    assert {name: metric(server, name) for name in counts} == counts


def test_the_metrics_are_not_on_the_public_port(server, program):
    assert program.get("/metrics").status_code == 404
    assert "darkroom_upload_requests" in metrics(server)


def test_no_metric_contains_data_of_a_caller(server, program):
    image = program.send(JPEG, X_Filename="private.jpg", Idempotency_Key="mine").json()["id"]
    program.ask("PROPFIND", "/v1/images/mine?cursor=private")
    text = metrics(server)
    assert [word for word in (image, "private", "mine", "shop", "PROPFIND") if word in text] == []


def test_the_page_and_its_files_are_served_with_a_strict_policy(stack, shared_upload_api):
    page = requests.get(f"{shared_upload_api.address}/", timeout=10)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["Content-Security-Policy"] == (
        f"default-src 'self'; img-src 'self' blob: http://127.0.0.1:{stack.ports.s3}; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    script = requests.get(f"{shared_upload_api.address}/static/app.js", timeout=10)
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert script.headers["Cache-Control"] == "no-cache"
    again = {"If-None-Match": script.headers["ETag"]}
    unchanged = requests.get(
        f"{shared_upload_api.address}/static/app.js", headers=again, timeout=10
    )
    assert unchanged.status_code == 304


def test_every_response_has_the_security_headers(shared_upload_api):
    for path in ("/", "/v1/images", "/nowhere", "/healthz", "/openapi.json"):
        headers = shared_upload_api.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert shared_upload_api.get("/v1/images").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("trusted", "is_believed"), [("127.0.0.1", True), ("10.0.0.1", False)])
def test_only_a_trusted_proxy_is_believed(serve, trusted, is_believed):
    address = serve(upload_trusted_proxies=trusted).address
    answer = requests.get(f"{address}/healthz", headers={"X-Forwarded-Proto": "https"}, timeout=10)
    assert ("Strict-Transport-Security" in answer.headers) is is_believed


def test_urls_include_the_prefix_of_a_proxy(serve):
    """A gateway takes `/prod` off the path, and callers put it before what they are told."""
    api = serve(upload_root_path="/prod")
    sent = api.send(JPEG)
    assert sent.headers["Location"] == sent.json()["status_url"]
    assert sent.json()["status_url"].startswith("/prod/v1/images/")
    inside = sent.json()["status_url"].removeprefix("/prod")
    assert api.get(inside).json()["status_url"] == sent.json()["status_url"]
    assert api.get("/static/app.js").status_code == 200
    assert api.get("/openapi.json").json()["servers"] == [{"url": "/prod"}]
    assert api.send(b"x" * 20_000).status_code == 415
