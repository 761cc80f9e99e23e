"""Whether an uploader erases images of others, whether erased ones return, and who finds out."""

import hashlib
from collections.abc import Iterator, Mapping
from uuid import UUID, uuid4

import psycopg
from pydantic import SecretStr

from assets.catalog.erased import Content
from assets.errors import StackError
from assets.ingestion.upload.source import upload_origin
from assets.resources.warehouse import read_values
from assets.retention.purge import Purge
from assets.timing import utc_now
from infra.local.dagster_api import launch_job
from tests.campaigns.security.attempt import Attempt, Target
from tests.campaigns.security.means import picture, uploader


def _by_the_api(target: Target) -> Iterator[str]:
    owner, thief = uploader(target), uploader(target)
    own, image = thief.add_image(), owner.add_image()
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
    owner = uploader(target)
    owner.delete(owner.add_image()).raise_for_status()
    image = owner.add_image()
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
            image = owner.add_image()
    owner.delete(image)


def _name_an_image_in_a_run(target: Target) -> Iterator[str]:
    owner = uploader(target)
    image = owner.add_image()
    named: Mapping[str, Mapping[str, object]]
    named = {"erase_chosen": {"image_ids": [image]}, "erase_requested": {"request": image}}
    for op, entry in named.items():
        if _launches(target, op, entry):
            yield f"Dagster keeps a run whose configuration names an image as {next(iter(entry))}"
    request = owner.delete(image).json()["request"]
    if not _launches(target, "erase_requested", {"request": request}):
        raise AssertionError("Dagster does not launch a run with the number of a request")


def _send_erased_bytes_again(target: Target) -> Iterator[str]:
    owner, other, body = uploader(target), uploader(target), picture()
    owner.delete(owner.add_image(body)).raise_for_status()
    while_requested = owner.send(body)
    Purge(target.platform).run(utc_now())
    for answer in (while_requested, owner.send(body)):
        if answer.ok:
            yield "an erased image is there again, under another id"
            owner.delete(answer.json()["id"])
    unrelated = other.send(body)
    if not unrelated.ok:
        raise AssertionError("the same bytes of another uploader are refused")
    other.delete(unrelated.json()["id"])


def _find_out_what_was_erased(target: Target) -> Iterator[str]:
    """Tries what a copy of the database allows: hashes of a file without the key."""
    owner, body = uploader(target), picture()
    image = owner.add_image(body)
    digest = hashlib.sha256(body).digest()
    content = Content(UUID(image), "upload", upload_origin(UUID(image)), owner.name, digest)
    owner.delete(image).raise_for_status()
    Purge(target.platform).run(utc_now())
    with target.platform.warehouse.connect() as connection:
        query = "select content_hash from image_catalog.erased_content"
        kept = set(read_values(connection, query))
    if content.hash(SecretStr(target.env["ERASURE_KEY"])) not in kept:
        raise AssertionError("with the key the erased content is not found either")
    guesses = {digest, hashlib.sha256(digest).digest(), content.hash(SecretStr(""))}
    if kept & guesses:
        yield "a hash in the database shows that a file was erased"


def _launches(target: Target, op: str, entry: Mapping[str, object]) -> bool:
    try:
        launch_job(target.stack.ports.dagster, "erase_images", {"ops": {op: {"config": entry}}})
    except StackError:
        return False
    return True


ATTEMPTS = (
    Attempt("erase an image of another uploader with a key of the upload API", _by_the_api),
    Attempt("erase an image with the upload API's database role", _by_the_role_of_the_api),
    Attempt("bring an erased image back by sending its bytes again", _send_erased_bytes_again),
    Attempt("find out from the database whether a file was erased", _find_out_what_was_erased),
    Attempt("have a run record name the image that it erases", _name_an_image_in_a_run),
)
