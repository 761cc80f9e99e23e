"""Servers that are down, hang, or come back: what is answered is true, and nothing is half kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from psycopg.conninfo import make_conninfo

from assets.ingestion.upload.source import upload_id
from assets.settings import UploadSettings
from tests.campaigns.chaos.proxy import Network, Proxy
from tests.integration.upload_api import serving, upload_settings
from tests.unit.pictures import encoded, noise
from tests.unit.tiny_server import free_port
from tests.upload_client import Api
from tests.waiting import wait_until

JPEG, OTHER = encoded(noise(), "JPEG"), encoded(noise(), "PNG")
HANG_SECONDS = 3600


@dataclass(frozen=True)
class ProxiedServers:
    """The upload API, and the network between it and its servers."""

    api: Api
    network: Network
    settings: UploadSettings


@pytest.fixture
def proxied(stack, settings, issue_key) -> Iterator[ProxiedServers]:
    network = Network(
        {
            "postgres": Proxy(free_port(), stack.ports.postgres),
            "s3": Proxy(free_port(), stack.ports.s3),
        }
    )
    database = upload_settings(stack, settings).database_url.get_secret_value()
    made = upload_settings(
        stack,
        settings,
        database_url=make_conninfo(database, port=network.proxies["postgres"].port),
        aws_endpoint_url=f"http://127.0.0.1:{network.proxies['s3'].port}",
        upload_database_seconds=1,
        upload_store_seconds=3,
        upload_keys_seconds=0.2,
    )
    with network.running(), serving(made) as address:
        api = Api(address, issue_key("shop"))
        wait_until(lambda: api.get("/v1/images").status_code == 200, "a connection")
        yield ProxiedServers(api, network, made)


def break_off(network: Network, name: str, way: str) -> None:
    if way == "is down":
        network.cut(name)
    else:
        network.delay(name, HANG_SECONDS)


def answered(api: Api, status: int, **headers: str) -> dict[str, object]:
    """Sends an image until the answer has that status, as a server that came back gives in time."""
    sent = []

    def is_answered() -> bool:
        sent.append(api.send(JPEG, **headers))
        assert sent[-1].status_code in {201, 202, 503}, sent[-1].text
        return sent[-1].status_code == status

    wait_until(is_answered, f"an answer of {status}")
    return sent[-1].json()


def shown_when_it_is_back(api: Api, url: str) -> dict[str, object]:
    """Asks until a server that came back answers: a pool's broken connections may answer first."""
    answers = []

    def is_shown() -> bool:
        answers.append(api.get(url))
        assert answers[-1].status_code in {200, 503}, answers[-1].text
        return answers[-1].status_code == 200

    wait_until(is_shown, "the image")
    return answers[-1].json()


WAYS = pytest.mark.parametrize("way", ["is down", "hangs"])


@WAYS
def test_while_postgresql_is_down_an_image_is_stored_and_registered_later(platform, proxied, way):
    assert proxied.api.send(JPEG).status_code == 201  # the key is known by now
    break_off(proxied.network, "postgres", way)
    sent = proxied.api.send(OTHER, Content_Type="image/png", X_Filename="b%20c.png")
    said = sent.json()
    assert (sent.status_code, said["state"]) == (202, "received")
    assert said["note"].startswith(
        "The image is stored safely. It cannot be registered at the moment"
    )
    assert sent.headers["Location"] == said["status_url"]
    assert proxied.api.get(said["status_url"]).status_code == 503
    assert platform.states() == {"waiting": 1}

    platform.register()
    proxied.network.restore("postgres")
    shown = shown_when_it_is_back(proxied.api, said["status_url"])
    same = ("id", "filename", "content_type", "size_bytes", "status_url")
    assert {name: shown[name] for name in same} == {name: said[name] for name in same}
    platform.process()
    assert platform.states() == {"processed": 2}


@WAYS
def test_while_postgresql_is_down_repetitions_are_still_one_image(platform, proxied, way):
    proxied.api.send(JPEG, Idempotency_Key="known")
    break_off(proxied.network, "postgres", way)
    for key in ("known", "new"):
        answers = [proxied.api.send(JPEG, Idempotency_Key=key) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202] * 3
        assert {answer.json()["id"] for answer in answers} == {str(upload_id("shop", key))}
        assert proxied.api.send(OTHER, Idempotency_Key=key).status_code == 422
    assert len(platform.keys(platform.settings.raw_bucket)) == 2
    platform.register()
    assert platform.states() == {"waiting": 2}


def test_when_postgresql_is_back_images_are_registered_at_once(platform, proxied):
    proxied.api.send(JPEG)
    proxied.network.cut("postgres")
    assert proxied.api.send(JPEG).status_code == 202
    proxied.network.restore("postgres")
    answered(proxied.api, 201)


def test_connections_lost_while_idle_are_not_noticed_by_callers(proxied):
    for _ in range(3):
        assert proxied.api.send(JPEG).status_code == 201
        proxied.network.cut("postgres")
        proxied.network.restore("postgres")
        assert proxied.api.get("/v1/images").status_code == 200


def test_a_new_key_cannot_be_looked_up_while_postgresql_is_down(issue_key, proxied):
    proxied.api.send(JPEG)
    proxied.network.cut("postgres")
    unknown = proxied.api.of(issue_key("late"))
    refused = unknown.send(JPEG)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert proxied.api.of("nonsense").send(JPEG).status_code == 401
    proxied.network.restore("postgres")
    answered(unknown, 201)


@WAYS
def test_while_s3_is_down_nothing_is_accepted_or_kept(platform, proxied, way):
    break_off(proxied.network, "s3", way)
    refused = proxied.api.send(JPEG, Idempotency_Key="k")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert "nothing was done; try again in a few seconds" in refused.json()["detail"]
    assert platform.states() == {}
    proxied.network.restore("s3")
    said = answered(proxied.api, 201, Idempotency_Key="k")
    assert said["id"] == str(upload_id("shop", "k"))
    platform.register()
    assert platform.states() == {"waiting": 1}
    assert len(platform.keys(platform.settings.raw_bucket)) == 1


def test_readiness_names_the_server_that_does_not_answer(proxied):
    ready = proxied.api.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")

    proxied.network.cut("postgres")
    degraded = proxied.api.get("/readyz")
    assert (degraded.status_code, degraded.json()["database"]) == (200, "does not answer")
    assert degraded.json()["status"] == "degraded"

    proxied.network.cut("s3")
    missing = proxied.api.get("/readyz")
    assert (missing.status_code, missing.json()["detail"]) == (
        503,
        "S3 does not answer, so no image can be stored.",
    )
    assert proxied.api.get("/healthz").status_code == 200


def test_it_starts_while_its_servers_are_down(proxied):
    proxied.network.cut("postgres")
    proxied.network.cut("s3")
    with serving(proxied.settings) as address:
        early = Api(address, proxied.api.key)
        assert early.get("/healthz").status_code == 200
        assert early.send(JPEG).status_code == 503
        proxied.network.restore("postgres")
        proxied.network.restore("s3")
        answered(early, 201)


def test_every_accepted_image_is_there_after_an_unreliable_network(platform, proxied):
    """Every answer of 201 or 202 is an image, and each is one."""
    taken = {proxied.api.send(JPEG).json()["id"]}
    for number in range(30):
        name = ("postgres", "s3")[number % 2]
        if number % 3 == 0:
            proxied.network.cut(name)
        sent = proxied.api.send(JPEG + bytes([number]), Idempotency_Key=str(number))
        if sent.ok:
            taken.add(sent.json()["id"])
        proxied.network.restore(name)
    assert len(taken) > 10
    platform.register()
    rows = platform.query("select image_id::text from image_catalog.image")
    assert taken <= {image for (image,) in rows}
    assert len({image for (image,) in rows}) == len(rows)
