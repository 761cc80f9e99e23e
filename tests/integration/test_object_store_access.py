"""What each program may do in the object store, tried with its key."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import psutil
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from assets.errors import StackError
from assets.resources.object_store import (
    ObjectMissingError,
    ObjectStore,
    abort_upload,
    pages_of_uploads,
)
from assets.retention.receipt_archive import ReceiptArchive
from assets.settings import BucketSettings, Settings
from infra.local.ports import free_ports
from infra.local.servers import object_store_server
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.object_store.buckets import create_bucket, put_policies
from infra.object_store.programs import ARCHIVE, KAFKA_BUCKET, OPERATOR, iam_policies
from tests.unit.test_stack_environment import BROKERS, DATABASE
from tests.waiting import wait_until

FOLDERS = ("raw/upload", "raw/kafka", "raw/drop", "processed", "quarantine", "logs", "receipts")
FOLDERS += ("kafka",)
EVERYWHERE = {*FOLDERS}
IMAGES = {folder for folder in FOLDERS if folder.startswith(("raw/", "processed", "quarantine"))}
RAW = {"raw/upload", "raw/kafka", "raw/drop"}
MAY = {
    "operator": {
        "put": EVERYWHERE - {"receipts"},
        "get": EVERYWHERE,
        "delete": EVERYWHERE - {"receipts"},
    },
    "kafka": {"put": {"kafka"}, "get": {"kafka"}, "delete": {"kafka"}},
    "upload_api": {"put": {"raw/upload"}, "get": {"raw/upload", "processed"}},
    "web_server": {"get": {"logs"}},
    "code_server": {"put": {"logs"}},
    "access": {"put": {"logs"}},
    "views": {"put": {"logs"}},
    "ingestion": {"put": {"raw/kafka", "quarantine", "logs"}, "get": RAW},
    "processing": {
        "put": {"processed", "quarantine", "logs"},
        "get": {*RAW, "quarantine"},
        "delete": {"processed", "quarantine"},
    },
    "retention": {"put": {"logs"}, "get": {*IMAGES, "logs"}, "delete": {*IMAGES, "logs"}},
    "archive": {"put": {"receipts"}, "get": {"receipts"}},
}


def with_key(settings: Settings, state: StateFolder, program: str) -> ObjectStore:
    secret = SecretStr(state.secrets().of_object_store[program])
    key = {"aws_access_key_id": program, "aws_secret_access_key": secret}
    return ObjectStore(settings.model_copy(update=key))


def store_of(stack, program: str) -> ObjectStore:
    return with_key(stack.settings(), stack.state, program)


@pytest.fixture(scope="module")
def objects(stack) -> dict[str, tuple[str, str, str]]:
    """A bucket, an object's key and another key in each folder."""
    made = {}
    for folder in FOLDERS:
        kind, _, within = folder.partition("/")
        names = {**stack.settings().model_dump(), "kafka_bucket": KAFKA_BUCKET}
        bucket, prefix = names[f"{kind}_bucket"], f"{within}/{uuid4()}".strip("/")
        program = ARCHIVE if kind == "receipts" else OPERATOR
        request = {"Bucket": bucket, "Key": f"{prefix}/old", "Body": b"x"}
        store_of(stack, program).s3.put_object(**request, ChecksumAlgorithm="SHA256")
        made[folder] = (bucket, f"{prefix}/old", f"{prefix}/new")
    return made


def is_allowed(request: Callable[[], object]) -> bool:
    try:
        request()
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


def test_every_program_has_a_key_and_a_policy(stack):
    policies = iam_policies(BucketSettings())
    assert policies.keys() == stack.state.secrets().of_object_store.keys() == MAY.keys()


@pytest.mark.parametrize("program", MAY)
def test_a_program_may_do_what_the_access_file_says_and_nothing_else(stack, objects, program):
    s3, may = store_of(stack, program).s3, {"put": set(), "get": set(), "delete": set()}
    for folder, (bucket, old, new) in objects.items():
        requests = {
            "put": lambda b=bucket, k=new: s3.put_object(
                Bucket=b, Key=k, Body=b"x", ChecksumAlgorithm="SHA256"
            ),
            "get": lambda b=bucket, k=old: s3.get_object(Bucket=b, Key=k),
            "delete": lambda b=bucket, k=new: s3.delete_object(Bucket=b, Key=k),
        }
        for what, request in requests.items():
            if is_allowed(request):
                may[what].add(folder)
    assert may == {"put": set(), "get": set(), "delete": set()} | MAY[program]


def test_only_the_operator_administers_buckets_queue_and_keys(stack):
    settings = stack.settings()
    for program in MAY.keys() - {OPERATOR}:
        store = store_of(stack, program)
        with pytest.raises(ClientError, match="AccessDenied"):
            put_policies(store.s3, settings)
        with pytest.raises(ClientError, match="AccessDenied"):
            store.s3.put_bucket_versioning(
                Bucket=settings.receipts_bucket, VersioningConfiguration={"Status": "Suspended"}
            )
        with pytest.raises(ClientError, match="AccessDenied"):
            store.sqs.purge_queue(QueueUrl=ObjectStore(settings)._queue_url)


def test_the_server_listens_on_its_own_port_of_this_machine_only(stack):
    [server] = [one for one in stack.servers if one.name == "object_store"]
    found = [one.laddr for one in server.process().net_connections() if one.status == "LISTEN"]
    assert found == [("127.0.0.1", server.port)]


def test_a_killed_server_knows_every_key_again(tmp_path):
    state, region = StateFolder(tmp_path), "eu-central-1"
    server = object_store_server(state, free_ports().s3, region, {"LOGS_BUCKET": "their-logs"})
    settings = Settings(
        database_url="postgresql://nowhere",
        kafka_bootstrap_servers="nowhere",
        aws_endpoint_url=f"http://127.0.0.1:{server.port}",
        aws_default_region=region,
    )
    try:
        server.start()
        create_bucket(with_key(settings, state, OPERATOR).s3, "their-logs")
        with_key(settings, state, "views").put("their-logs", "key", b"x", "text/plain")
        process = server.process()
        process.kill()
        psutil.wait_procs([process], timeout=10)
        server.start()
        assert with_key(settings, state, "web_server").get("their-logs", "key") == b"x"
    finally:
        server.stop()


def test_runs_of_ingestion_take_notifications_and_sensors_count_them(stack):
    settings, ingestion = stack.settings(), store_of(stack, "ingestion")
    store_of(stack, OPERATOR).put(settings.raw_bucket, f"drop/{uuid4()}", b"x", "image/jpeg")
    wait_until(lambda: store_of(stack, "code_server").notifications_waiting(), "a notification")
    received = ingestion.receive(wait_seconds=10)
    ingestion.acknowledge(received)
    assert received


def test_a_server_that_another_version_has_started_is_told_with_the_way_out(tmp_path):
    stack = Stack(StateFolder(tmp_path), free_ports(), DATABASE | BROKERS)
    [server] = stack.servers
    server.start()
    try:
        secrets = json.loads(stack.state.path("secrets.json").read_text())
        stack.state.path("secrets.json").write_text(json.dumps(secrets | {"s3_operator": "new"}))
        with pytest.raises(StackError, match=r"refuses access to bucket .* `darkroom down`"):
            stack.provision_object_store()
    finally:
        server.stop()


def test_runs_of_processing_copy_originals_into_quarantine(stack):
    settings, processing = stack.settings(), store_of(stack, "processing")
    key, large = f"drop/{uuid4()}", bytes(9 * 1024 * 1024)  # copied in parts
    version = store_of(stack, OPERATOR).put(settings.raw_bucket, key, large, "image/jpeg")
    processing.copy((settings.raw_bucket, key, version), (settings.quarantine_bucket, key))
    assert processing.get(settings.quarantine_bucket, key) == large


def test_runs_of_retention_delete_versions_and_unfinished_uploads(stack):
    settings, operator = stack.settings(), store_of(stack, OPERATOR)
    retention, key = store_of(stack, "retention"), f"drop/{uuid4()}"
    for bucket in (*settings.image_buckets, settings.logs_bucket):
        version = operator.put(bucket, key, b"x", "image/jpeg")
        operator.s3.create_multipart_upload(Bucket=bucket, Key=key)
        [begun] = [one for page in pages_of_uploads(retention, bucket) for one in page]
        abort_upload(retention, begun)
        retention.delete(bucket, [(key, version), ("drop/absent", None)])
        assert list(pages_of_uploads(operator, bucket)) == [()]
        with pytest.raises(ObjectMissingError):
            retention.head(bucket, key)


def test_the_archive_is_read_and_written_with_its_own_key(stack):
    archive = ReceiptArchive.of(stack.settings())
    assert archive.store.settings.aws_access_key_id == ARCHIVE
    archive.publish(Ed25519PrivateKey.generate().public_key())
    assert archive.public_keys(archive.read_listing())
    assert archive.lock_age() == timedelta(days=1)
