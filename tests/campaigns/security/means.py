"""What attackers have: keys of the upload API and of the object store, and images to send."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import psycopg
import requests
from botocore.config import Config
from botocore.session import get_session

from assets.ingestion.bucket.registration import Registration, RegistrationBusyError
from assets.ingestion.upload import api_keys
from assets.platform import Platform
from infra.demo.photographs import photographs
from infra.object_store.programs import OPERATOR
from tests.campaigns.security.attempt import SECONDS, Target
from tests.upload_client import Api


@dataclass(frozen=True)
class Uploader(Api):
    """The upload API as somebody sees it who sends images under a name."""

    name: str

    def add_image(self, body: bytes | None = None) -> str:
        """Sends an image, by default one that nobody sent before, and returns its id."""
        sent = self.send(body or picture())
        sent.raise_for_status()
        return str(sent.json()["id"])

    def sees(self, image: str) -> bool:
        """Returns whether the uploader is shown an image."""
        return self.get(f"/v1/images/{image}").ok

    def delete(self, image: str) -> requests.Response:
        """Asks for the deletion of an image."""
        return self.ask("DELETE", f"/v1/images/{image}")


def uploader(target: Target) -> Uploader:
    """Returns a new uploader, to whom the platform team has given a key."""
    name = f"uploader-{uuid4().hex[:8]}"
    with psycopg.connect(target.env["DATABASE_ADMIN_URL"]) as connection:
        key = api_keys.issue(connection, name)
    return Uploader(f"http://127.0.0.1:{target.stack.ports.upload_api}", key.text, name)


def picture() -> bytes:
    """Returns a JPEG that nobody sent before."""
    made = photographs(10, megapixels=0.1)
    return next(one.body for one in made if one.content_type == "image/jpeg") + uuid4().bytes


def registered(target: Target, key: str) -> list[tuple[Any, ...]]:
    """Returns uploader and version of the image of a key in the raw bucket, once it is registered.

    Raises `TimeoutError` when it is not registered in time.
    """
    settings = target.platform.settings.model_copy(update={"run_linger_seconds": 1.0})
    query = "select uploader, object_version from image_catalog.image where object_key = %s"
    for _ in range(SECONDS):
        with suppress(RegistrationBusyError):  # of the platform's own run
            Registration(Platform.from_settings(settings)).run()
        with target.platform.warehouse.connect() as connection:
            if found := connection.execute(query, [key]).fetchall():
                return found
        time.sleep(1)
    raise TimeoutError("an object in the raw bucket is not registered")


_session = cache(get_session)  # a new one reads the descriptions of all services again


@dataclass(frozen=True)
class StoreKey:
    """A key of the object store."""

    name: str
    secret: str = field(repr=False)

    def client(self, target: Target, service: str) -> Any:
        """Returns boto3's client of a service with this key."""
        return _session().create_client(
            service,
            endpoint_url=target.env["AWS_ENDPOINT_URL"],
            region_name=target.env["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.name,
            aws_secret_access_key=self.secret,
            config=Config(
                signature_version="v4" if service != "s3" else "s3v4",
                retries={"total_max_attempts": 1},
            ),
        )


def own_key(target: Target) -> StoreKey:
    """Returns the operator's key."""
    return program_key(target, OPERATOR)


def program_key(target: Target, program: str) -> StoreKey:
    """Returns a program's key."""
    return StoreKey(program, target.stack.state.secrets().of_object_store[program])


@contextmanager
def guest_key(target: Target, action: str, path: str) -> Iterator[StoreKey]:
    """Yields a key that may do one thing to objects; the path is a bucket and a key or pattern."""
    iam, name = own_key(target).client(target, "iam"), f"guest-{uuid4().hex[:8]}"
    allowed = {"Effect": "Allow", "Action": action, "Resource": f"arn:aws:s3:::{path}"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="one", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        yield StoreKey(made["AccessKeyId"], made["SecretAccessKey"])
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=made["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="one")
        iam.delete_user(UserName=name)
