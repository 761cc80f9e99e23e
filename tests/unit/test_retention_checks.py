"""How the checks of retention judge what they saw, to the second."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.retention import clocks
from assets.retention.checks import (
    OBJECTS,
    ROWS,
    age_result,
    ages_as_table,
    comparison_result,
    evaluate_ages,
)
from assets.retention.image_buckets import ImageBucket
from assets.retention.inventory import MAX_DIFFERENCES, MESSAGE, Comparison, Oldest
from tests.unit.arrivals import NOON, some_settings

AGE = timedelta(days=7)
WARNING_AGE = AGE * 0.95
SECOND = timedelta(seconds=1)
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR

ages = st.timedeltas(timedelta(0), timedelta(days=14))


def judged(*of: timedelta) -> tuple[bool, dg.AssetCheckSeverity]:
    oldest = {f"kind_{number}": NOON - age for number, age in enumerate(of)}
    passed, severity, _ = evaluate_ages(oldest, NOON, WARNING_AGE, AGE)
    return passed, severity


def said(**oldest: datetime | None) -> str:
    return evaluate_ages(oldest, NOON, WARNING_AGE, AGE)[2]


def test_where_there_is_nothing_nothing_is_too_old() -> None:
    assert evaluate_ages({"raw_object": None}, NOON, WARNING_AGE, AGE)[0]


def test_what_the_next_purge_will_take_in_time_is_no_reason_to_warn() -> None:
    """The purge takes images ten hours early and runs every hour: until then this is in order."""
    assert judged(some_settings().purge_age + timedelta(hours=1))[0]


@pytest.mark.parametrize(
    ("age", "judgement"),
    [
        (WARNING_AGE - SECOND, (True, ERROR)),
        (WARNING_AGE, (False, WARN)),
        (AGE - SECOND, (False, WARN)),
        (AGE, (False, ERROR)),
        (AGE + SECOND, (False, ERROR)),
    ],
)
def test_at_95_percent_it_warns_and_at_the_retention_it_fails(age, judgement) -> None:
    assert judged(timedelta(0), age, timedelta(hours=1)) == judgement


@given(st.lists(ages, min_size=1, max_size=6))
def test_the_oldest_kind_alone_decides(several) -> None:
    assert judged(*several) == judged(max(several))


@given(ages, ages)
def test_an_older_copy_is_never_judged_better(one, other) -> None:
    rank = {(True, ERROR): 0, (False, WARN): 1, (False, ERROR): 2}
    younger, older = sorted([one, other])
    assert rank[judged(younger)] <= rank[judged(older)]


def test_the_judgement_names_the_kind_its_age_and_what_to_do() -> None:
    assert said(raw_object=NOON - timedelta(hours=170), log_object=NOON) == (
        "The oldest copy, a raw object, is 170.00 h old, past the retention of 168 h: "
        "run `darkroom retention purge`."
    )


def test_a_warning_says_where_to_look() -> None:
    assert "see the runs of enforce_retention" in said(raw_object=NOON - AGE + SECOND)


def test_the_table_has_the_oldest_first_and_a_line_for_what_there_is_none_of() -> None:
    table = ages_as_table({"log": None, "row": NOON - AGE / 2, "object": NOON - AGE}, NOON, AGE)
    assert table["copy"].tolist() == ["object", "row", "log"]
    assert table["hours"].tolist() == ["168.00", "84.00", ""]
    assert table["of_retention"].tolist() == ["100.0%", "50.0%", ""]


def of_ages(*, are_messages_judged: bool) -> dg.AssetCheckResult:
    oldest = {MESSAGE: NOON - 2 * AGE, "raw_object": NOON - AGE / 2}
    return age_result(oldest, NOON, some_settings(), are_messages_judged=are_messages_judged)


def test_messages_of_a_broker_without_retention_are_shown_and_not_judged() -> None:
    result = of_ages(are_messages_judged=False)
    assert result.passed
    assert result.metadata["message_hours"].value == 336.0
    assert "enforces no retention" in (result.description or "")


def test_messages_of_a_broker_with_retention_are_judged() -> None:
    assert not of_ages(are_messages_judged=True).passed


def test_the_oldest_of_several_pages_is_kept_and_none_is_known_as_none() -> None:
    seen = Oldest({"log": None})
    for at in (NOON, NOON - AGE, NOON - SECOND):
        seen.add("row", at)
    seen.add("row", None)
    assert seen.by_kind == {"log": None, "row": NOON - AGE}


COMPARED = {
    ImageBucket.RAW: Comparison(references=5, objects=9, unknown=4),
    ImageBucket.PROCESSED: Comparison(references=4, objects=4),
    ImageBucket.QUARANTINE: Comparison(references=1, objects=1),
}


@pytest.mark.parametrize("check", [ROWS, OBJECTS])
def test_a_ledger_that_agrees_with_the_buckets_passes(check) -> None:
    assert comparison_result(check, COMPARED).passed


@pytest.mark.parametrize(
    ("check", "found"),
    [(ROWS, Comparison(references=2, missing=1)), (OBJECTS, Comparison(objects=2, unknown=1))],
)
def test_one_difference_in_one_bucket_does_not_pass(check, found) -> None:
    result = comparison_result(check, COMPARED | {ImageBucket.PROCESSED: found})
    assert not result.passed
    assert "1 objects (1 in the processed bucket)" in (result.description or "")


def test_where_counting_ended_it_says_at_least() -> None:
    many = COMPARED | {ImageBucket.PROCESSED: Comparison(missing=MAX_DIFFERENCES)}
    assert (comparison_result(ROWS, many).description or "").startswith("At least 1000 objects")


CLOCKS = {"this machine": NOON, "PostgreSQL": NOON - SECOND, "S3": NOON + 2 * SECOND}


def test_the_earliest_of_the_clocks_is_taken() -> None:
    assert clocks.earliest(CLOCKS) == NOON - SECOND


def test_without_a_clock_there_is_no_time() -> None:
    with pytest.raises(ValueError, match="empty"):
        clocks.earliest({})


@given(st.dictionaries(st.text(), st.datetimes(timezones=st.just(UTC)), min_size=1))
def test_no_clock_is_earlier_than_the_earliest_or_further_than_the_difference(told) -> None:
    first, apart = clocks.earliest(told), clocks.difference(told)
    assert all(first <= at <= first + apart for at in told.values())
