"""A disk that fills up: what was acknowledged is kept, and everything else is refused."""

import os
import subprocess
from dataclasses import replace

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from assets.errors import StorageFullError
from assets.resources.object_store import ObjectStore
from assets.settings import BucketSettings
from infra.local.ports import free_ports
from infra.local.servers import object_store_server
from infra.local.state import StateFolder
from infra.object_store.buckets import create_bucket, provision_buckets
from infra.object_store.durability import MIN_FREE_BYTES
from infra.object_store.programs import OPERATOR
from infra.source_clients import SOURCE_CLIENTS, Addresses, NoAcknowledgementError

BUCKET = "filled"
BODY = os.urandom(1024**2)
EVERYTHING = 10**18


@pytest.fixture
def disk(tmp_path, request):
    """A file system of as many bytes as the parameter says; mounting it needs root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)]
    unmount = ["umount", "--lazy", str(folder)]
    subprocess.run(mount, check=True)
    yield folder
    subprocess.run(unmount, check=True)


def start(state: StateFolder, port: int, min_free_bytes: int):
    server = object_store_server(state, port, "eu-central-1", min_free_bytes=min_free_bytes)
    server.start()
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-central-1",
        aws_access_key_id=OPERATOR,
        aws_secret_access_key=state.secrets().of_object_store[OPERATOR],
    )
    return server, s3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
@pytest.mark.parametrize(
    ("disk", "min_free_bytes"),
    [(MIN_FREE_BYTES + 24 * 1024**2, MIN_FREE_BYTES), (24 * 1024**2, 0)],
    ids=["nearly full", "full"],
    indirect=["disk"],
)
def test_what_was_acknowledged_survives_a_kill(disk, min_free_bytes):
    state, port = StateFolder(disk), free_ports().s3
    server, s3 = start(state, port, min_free_bytes)
    try:
        s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        acknowledged = []
        with pytest.raises(ClientError) as refused:  # noqa: PT012 - the put that fails is unknown
            for number in range(40):
                s3.put_object(Bucket=BUCKET, Key=str(number), Body=BODY)
                acknowledged.append(str(number))
        assert refused.value.response["Error"]["Code"] == "InsufficientStorage"
        assert len(acknowledged) > 5
        process = server.process()
        process.kill()
        psutil.wait_procs([process])
        server, s3 = start(state, port, min_free_bytes)
        kept = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in acknowledged]
        assert all(body == BODY for body in kept)
        for key in acknowledged[:5]:
            s3.delete_object(Bucket=BUCKET, Key=key)
        s3.put_object(Bucket=BUCKET, Key="after", Body=BODY)
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
@pytest.mark.parametrize("disk", [24 * 1024**2], indirect=True)
@pytest.mark.parametrize("versioning", ["Enabled", "Suspended"])
def test_what_was_refused_is_not_there_when_it_is_sent_again(disk, versioning):
    server, s3 = start(StateFolder(disk), free_ports().s3, 0)
    try:
        s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": versioning})
        with pytest.raises(ClientError, match="InsufficientStorage"):  # noqa: PT012
            for number in range(40):
                s3.put_object(Bucket=BUCKET, Key=str(number), Body=BODY, IfNoneMatch="*")
        with pytest.raises(ClientError, match="InsufficientStorage"):
            s3.put_object(Bucket=BUCKET, Key=str(number), Body=BODY, IfNoneMatch="*")
        assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == number
    finally:
        server.stop()


@pytest.fixture
def without_space(tmp_path, platform):
    """The platform with an object store that stores nothing more."""
    state, port = StateFolder(tmp_path / "full"), free_ports().s3
    server, _ = start(state, port, EVERYTHING)
    changes = {
        "aws_endpoint_url": f"http://127.0.0.1:{port}",
        "aws_secret_access_key": SecretStr(state.secrets().of_object_store[OPERATOR]),
    }
    settings = platform.settings.model_copy(update=changes)
    store = ObjectStore(settings)
    try:
        provision_buckets(store.s3, store.sqs, settings)
        yield replace(platform, settings=settings, object_store=store)
    finally:
        server.stop()


@pytest.fixture
def full_api(serve, without_space):
    changed = ("aws_endpoint_url", "aws_secret_access_key")
    return serve(**{name: getattr(without_space.settings, name) for name in changed})


def test_an_upload_is_answered_with_507_and_a_sentence(full_api, without_space, pictures):
    answer = full_api.send(pictures[0].body)
    assert answer.status_code == 507
    assert answer.json()["type"] == "urn:darkroom:problem:storage-full"
    assert without_space.states() == {}


@pytest.mark.parametrize("source", ["bucket", "upload"])
def test_the_senders_of_campaigns_take_that_for_not_accepted(
    source, full_api, without_space, pictures
):
    url = f"{full_api.address}/v1/images"
    addresses = Addresses(without_space.settings, url, full_api.key, "folder", 30)
    client = SOURCE_CLIENTS[source](addresses)
    with pytest.raises(NoAcknowledgementError):
        client.send("a.jpg", pictures[0].body, "image/jpeg")
    client.close()


def test_landing_waits_and_loses_nothing(platform, without_space):
    platform.produce([b"one", b"two"])
    with pytest.raises(StorageFullError, match="Nothing is lost"):
        without_space.land()
    assert platform.states() == {}
    assert platform.land().new_images == 2


@pytest.mark.parametrize("key", ["plain.jpg", "a//key that is not a path"])
def test_both_clients_are_told(without_space, key):
    with pytest.raises(StorageFullError):
        without_space.object_store.put(without_space.settings.raw_bucket, key, b"x", "image/png")


def test_what_a_purge_writes_is_stored_as_long_as_possible(without_space):
    bucket = BucketSettings().receipts_bucket  # the server is not told of the test's own
    create_bucket(without_space.object_store.s3, bucket)
    without_space.object_store.put(bucket, "a-receipt", b"{}", "application/json")
    assert without_space.object_store.get(bucket, "a-receipt") == b"{}"
