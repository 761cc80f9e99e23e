"""The embedded S3 and SQS: one MiniStack process that keeps objects and queues on disk."""

import sys

from infra.local.server import Server, answers_http
from infra.local.state import StateFolder

ACCESS_KEY_ID = "darkroom"


def object_store_server(state: StateFolder, port: int, region: str) -> Server:
    """Describes the server; it checks credentials as AWS does."""
    return Server(
        name="object_store",
        title="S3 and SQS (MiniStack)",
        argv=(sys.executable, "-m", "ministack"),
        port=port,
        port_variable="S3_PORT",
        is_ready=lambda: answers_http(f"http://127.0.0.1:{port}/_ministack/health"),
        state=state,
        env={
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "SERVICES": "s3,sqs,iam,sts",
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": state.secrets().s3_secret_key,
            "MINISTACK_REGION": region,
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state.path("object_store", "objects")),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state.path("object_store", "state")),
            "LOG_LEVEL": "WARNING",
        },
    )
