"""What may be sent through again, as people write it; what cannot be meant is one sentence."""

from datetime import UTC, datetime

import pytest

from assets.catalog.requeue import (
    RequeueError,
    moment_named,
    reason_named,
)
from assets.ingestion.registry import UnknownSourceError, source_named
from assets.validation.reasons import Reason


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_can_be_named(reason: Reason) -> None:
    assert reason_named(reason.value) is reason


@pytest.mark.parametrize("name", ["", "Corrupt", "corrupt ", "boredom", "waiting"])
def test_an_unknown_reason_is_answered_with_all_there_are(name: str) -> None:
    with pytest.raises(RequeueError) as refused:
        reason_named(name)
    assert f"There is no reason “{name}”" in str(refused.value)
    assert all(reason.value in str(refused.value) for reason in Reason)


def test_a_source_may_be_named_or_not() -> None:
    assert (source_named(None), source_named("kafka")) == (None, "kafka")


def test_an_unknown_source_is_answered_with_all_there_are() -> None:
    with pytest.raises(UnknownSourceError, match="choose one of kafka, bucket, upload"):
        source_named("post")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T09:30", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30+02:00", datetime(2026, 1, 31, 7, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_without_a_zone_is_utc(text: str, moment: datetime) -> None:
    assert moment_named(text) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "31.01.2026", "0001-01-01T00:00+14:00"])
def test_what_tells_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(RequeueError, match="write it as 2026-01-31"):
        moment_named(text)
