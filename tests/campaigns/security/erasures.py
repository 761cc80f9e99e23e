"""Whether an uploader erases images of others, and whether Dagster learns which are erased."""

from collections.abc import Iterator, Mapping
from uuid import uuid4

import psycopg

from assets.errors import StackError
from infra.local.dagster_api import launch_job
from tests.campaigns.security.attempt import Attempt, Target
from tests.campaigns.security.means import uploader


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


def _launches(target: Target, op: str, entry: Mapping[str, object]) -> bool:
    try:
        launch_job(target.stack.ports.dagster, "erase_images", {"ops": {op: {"config": entry}}})
    except StackError:
        return False
    return True


ATTEMPTS = (
    Attempt("erase an image of another uploader with a key of the upload API", _by_the_api),
    Attempt("erase an image with the upload API's database role", _by_the_role_of_the_api),
    Attempt("have a run record name the image that it erases", _name_an_image_in_a_run),
)
