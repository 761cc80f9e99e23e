"""The embedded S3 and SQS: MiniStack's application behind the guard, as one program.

`python -m infra.object_store.server` reads MiniStack's own variables from the environment, and the
secret keys of the programs. A program's key and policy exist from the moment the server answers;
MiniStack keeps them in memory, as it does those of other IAM users. Nobody knows its root key.
"""

import asyncio
import os
import resource
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assets.settings import BucketSettings
from infra.object_store.programs import Policy, iam_policies, principal, secret_variable

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

_CREATED = "2026-01-01T00:00:00Z"


def main() -> None:
    """Serves until the process is asked to end; MiniStack then saves its state."""
    # MiniStack reads the environment when it is imported.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = secrets.token_hex()
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.core.iam_evaluator import (
        ResolvedCredential,
        find_iam_access_key_account,
        is_root_access_key,
        resolve_credential,
    )
    from ministack.services import s3
    from ministack.services.iam import load_persisted_state
    from ministack.services.s3 import handle_request

    from infra.object_store.durability import Durability, announce_when_written
    from infra.object_store.guard import Guard

    def secret_of(access_key_id: str) -> str | None:
        if is_root_access_key(access_key_id):
            return None
        owner = find_iam_access_key_account(access_key_id)
        credential = resolve_credential(access_key_id, owner)
        if not isinstance(credential, ResolvedCredential):
            return None
        secret: str = credential.secret_access_key
        return secret

    async def delete(path: str, version: str | None) -> None:
        query = {"versionId": [version]} if version else {}
        await handle_request("DELETE", path, {}, b"", query, internal=True)

    # MiniStack has no setting for when it announces.
    s3._fire_s3_event_async = announce_when_written(s3._fire_s3_event_async)  # noqa: SLF001
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    buckets = BucketSettings()
    folder = Path(os.environ["S3_DATA_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    durable = Durability(
        _after_start(app, partial(load_persisted_state, _iam_users(iam_policies(buckets)))),
        folder,
        exempt=(buckets.logs_bucket, buckets.receipts_bucket),
        delete=delete,
        min_free_bytes=int(os.environ["MIN_FREE_BYTES"]),
    )
    guarded = Guard(durable, secret_of)
    asyncio.run(serve(cast("ASGIFramework", guarded), config))  # typed by Starlette


def _after_start(app: ASGIApp, act: Callable[[], None]) -> ASGIApp:
    """Returns an ASGI application that acts when it has started, before it serves anybody."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_after_act(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                act()
            await send(message)

        await app(scope, receive, send_after_act if scope["type"] == "lifespan" else send)

    return serve


def _iam_users(policies: Mapping[str, Policy]) -> dict[str, dict[str, object]]:
    """Returns the programs as MiniStack keeps IAM users; a key has its program's name."""
    return {
        "users": {
            name: {
                "UserName": name,
                "Arn": principal(name),
                "UserId": f"AIDA{name.upper()}",
                "CreateDate": _CREATED,
                "Path": "/",
                "PermissionsBoundary": "",
                "AttachedPolicies": [],
                "Tags": [],
            }
            for name in policies
        },
        "user_inline_policies": {name: {"access": policy} for name, policy in policies.items()},
        "access_keys": {
            name: {
                "UserName": name,
                "AccessKeyId": name,
                "SecretAccessKey": os.environ[secret_variable(name)],
                "Status": "Active",
                "CreateDate": _CREATED,
            }
            for name in policies
        },
    }


if __name__ == "__main__":
    main()
