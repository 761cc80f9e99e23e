"""The embedded S3 and SQS: MiniStack's application behind the guard, as one program.

`python -m infra.object_store.server` reads MiniStack's own variables from the environment.
"""

import asyncio
import os
import resource
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework


def main() -> None:
    """Serves until the process is asked to end; MiniStack then saves its state."""
    # MiniStack reads the environment when it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.core.iam_evaluator import (
        ResolvedCredential,
        find_iam_access_key_account,
        is_root_access_key,
        resolve_credential,
    )

    from infra.object_store.guard import Guard

    def secret_of(access_key_id: str) -> str | None:
        if is_root_access_key(access_key_id) and access_key_id != os.environ["AWS_ACCESS_KEY_ID"]:
            return None
        owner = find_iam_access_key_account(access_key_id)
        credential = resolve_credential(access_key_id, owner)
        if not isinstance(credential, ResolvedCredential):
            return None
        secret: str = credential.secret_access_key
        return secret

    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    guarded = cast("ASGIFramework", Guard(app, secret_of))  # typed by Starlette
    asyncio.run(serve(guarded, config))


if __name__ == "__main__":
    main()
