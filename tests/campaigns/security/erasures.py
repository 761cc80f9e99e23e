"""Whether an uploader erases images of others, and whether Dagster learns which are erased."""

import io
from collections.abc import Iterator, Mapping
from uuid import uuid4

import psycopg
import requests
from PIL import Image

from assets.ingestion.upload import api_keys
from tests.campaigns.security.attempt import SECONDS, Attempt, Target

_LAUNCH = """
    mutation launch($selector: JobOrPipelineSelector!, $config: RunConfigData!) {
        launchRun(executionParams: {selector: $selector, runConfigData: $config}) {
            __typename
            ... on LaunchRunSuccess { run { runId } }
        }
    }
"""
_SELECTOR = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "orchestration.definitions",
    "jobName": "erase_images",
}


class Uploader:
    """Somebody with a key of the upload API."""

    def __init__(self, target: Target) -> None:
        self.name = f"uploader-{uuid4().hex[:6]}"
        self._address = f"http://127.0.0.1:{target.stack.ports.upload_api}/v1/images"
        key = api_keys.new_key()
        with psycopg.connect(target.env["DATABASE_ADMIN_URL"]) as connection:
            api_keys.insert(connection, key, self.name)
        self._headers = {"Authorization": f"Bearer {key.text}"}

    def send(self) -> str:
        """Sends an image and returns its id."""
        body = io.BytesIO()
        Image.new("RGB", (64, 64)).save(body, "JPEG")
        headers = {**self._headers, "Content-Type": "image/jpeg"}
        sent = requests.post(self._address, body.getvalue(), headers=headers, timeout=SECONDS)
        sent.raise_for_status()
        return str(sent.json()["id"])

    def sees(self, image: str) -> bool:
        """Whether the uploader is shown an image."""
        return self._ask("GET", image).ok

    def delete(self, image: str) -> requests.Response:
        """Asks for the deletion of an image."""
        return self._ask("DELETE", image)

    def _ask(self, method: str, image: str) -> requests.Response:
        url = f"{self._address}/{image}"
        return requests.request(method, url, headers=self._headers, timeout=SECONDS)


def _by_the_api(target: Target) -> Iterator[str]:
    owner, thief = Uploader(target), Uploader(target)
    own, image = thief.send(), owner.send()
    thief.delete(own).raise_for_status()
    if thief.sees(own):
        raise AssertionError("an uploader still sees the image that it has deleted")
    refused = thief.delete(image)
    if not owner.sees(image):
        yield "the image of another uploader is erased"
    if refused.text != thief.delete(str(uuid4())).text:
        yield "the answer shows that somebody else has an image of that id"
    owner.delete(image)


def _by_the_role_of_the_api(target: Target) -> Iterator[str]:
    owner = Uploader(target)
    owner.delete(owner.send()).raise_for_status()
    image = owner.send()
    statements = (
        "update image_catalog.image set withdrawn_at = now() where image_id = %(image)s",
        "delete from image_catalog.image where image_id = %(image)s",
        "insert into retention.erasure_request (image_ids) values (array[%(image)s::uuid])",
        "insert into image_catalog.erased_image (image_id) values (%(image)s)",
        "select retention.request_erasure('somebody', %(image)s)",
    )
    for statement in statements:
        try:
            with psycopg.connect(target.env["DATABASE_UPLOADER_URL"]) as connection:
                connection.execute(statement, {"image": image})
        except psycopg.errors.InsufficientPrivilege:
            continue
        if not owner.sees(image):
            yield f"the role of the upload API hides an image with: {statement}"
            image = owner.send()
    owner.delete(image)


def _name_an_image_in_a_run(target: Target) -> Iterator[str]:
    owner = Uploader(target)
    image = owner.send()
    named: Mapping[str, Mapping[str, object]]
    named = {"erase_chosen": {"image_ids": [image]}, "erase_requested": {"request": image}}
    for op, entry in named.items():
        if _launches(target, op, entry):
            yield f"Dagster keeps a run whose configuration names an image as {next(iter(entry))}"
    request = owner.delete(image).json()["request"]
    if not _launches(target, "erase_requested", {"request": request}):
        raise AssertionError("Dagster does not launch a run with the number of a request")


def _launches(target: Target, op: str, entry: Mapping[str, object]) -> bool:
    config = {"ops": {op: {"config": entry}}}
    asked = {"query": _LAUNCH, "variables": {"selector": _SELECTOR, "config": config}}
    url = f"http://127.0.0.1:{target.stack.ports.dagster}/graphql"
    answer = requests.post(url, json=asked, timeout=SECONDS)
    return bool(answer.json()["data"]["launchRun"].get("run"))


ATTEMPTS = (
    Attempt("erase an image of another uploader with a key of the upload API", _by_the_api),
    Attempt("erase an image with the upload API's database role", _by_the_role_of_the_api),
    Attempt("have a run record name the image that it erases", _name_an_image_in_a_run),
)
