"""What the campaign sends: unique bodies that are judged as the originals are."""

from collections import Counter

import pytest

from assets.processing.processor import process
from assets.processing.recipe import read_recipe
from assets.validation.reasons import RejectedImageError
from infra.source_clients import make_unique
from tests.campaigns.chaos.record import Originals

STANDARD = read_recipe("standard")


@pytest.fixture(scope="module")
def originals() -> Originals:
    return Originals.of(seed=3)


def outcome(body: bytes) -> str | None:
    try:
        process(body, STANDARD)
    except RejectedImageError as error:
        return error.reason.value
    return None


def test_a_token_changes_neither_the_outcome_nor_the_pixels(originals):
    for original in (*originals.good[:6], *originals.broken):
        unique = make_unique(original.body, b"0123456789abcdef")
        assert unique != original.body
        assert outcome(unique) == original.expected_reason, original.name
    for original in originals.good[:6]:
        unique = make_unique(original.body, b"0123456789abcdef")
        before, after = process(original.body, STANDARD), process(unique, STANDARD)
        assert [one.body for one in before.renditions] == [one.body for one in after.renditions]


@pytest.mark.parametrize("source", ["kafka", "bucket", "upload"])
def test_no_two_bodies_and_no_two_names_are_the_same(originals, source):
    submissions = list(originals.submissions(source, 100, seed=3))
    assert len({submission.image.sha256 for submission in submissions}) == 100
    assert len({submission.image.name for submission in submissions}) == 100


def test_a_few_are_broken(originals):
    submissions = originals.submissions("kafka", 100, seed=3)
    counted = Counter(submission.image.expected_reason is not None for submission in submissions)
    assert counted == {False: 96, True: 4}


def test_uploads_are_not_broken_in_ways_that_their_first_bytes_give_away(originals):
    reasons = {
        submission.image.expected_reason
        for submission in originals.submissions("upload", 500, seed=3)
    }
    assert reasons == {None, "truncated", "corrupt"}


def test_the_same_seed_sends_the_same_bytes(originals):
    first, second = (
        [submission.body for submission in originals.submissions("bucket", 30, seed=5)]
        for _ in range(2)
    )
    assert first == second
