"""The demo's closing words: what is missing in one sentence, what happened as tables and JSON."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cli.demo import figures, print_report
from infra.console import console, to_json
from infra.demo.demo import DemoResult, StallDetector
from infra.demo.outcome import RetentionState, SourceOutcome, describe_missing

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
BUCKET = SourceOutcome(
    source="bucket",
    processed=60,
    rejected=5,
    waiting=0,
    median_seconds=2.5,
    p95_seconds=4.25,
    first_arrived_at=NOON,
    last_finished_at=NOON + timedelta(seconds=10),
    reasons={"truncated": 3, "empty": 2},
)
KAFKA = replace(BUCKET, source="kafka", last_finished_at=NOON + timedelta(seconds=13))
ALL_REJECTED = replace(
    BUCKET,
    processed=0,
    rejected=65,
    median_seconds=None,  # type: ignore[arg-type]
    p95_seconds=None,  # type: ignore[arg-type]
    reasons={"not_an_image": 65},
)
MEMBER = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "membership_status": "ACTIVE",
    "completed_transactions": 3,
    "items": 1200,
    "total_spent": Decimal("1234.50"),
    "total_weight_kg": Decimal("1.25"),
    "average_basket": None,
}
DAY = {
    "arrived_on": date(2024, 5, 17),
    "source": "bucket",
    "landed_images": 65,
    "processed_images": 60,
    "rejected_images": 5,
    "megapixels": 71.3,
    "median_seconds_to_processed": 2.5,
    "p95_seconds_to_processed": 4.25,
}
RETENTION = RetentionState(
    oldest_copy="ledger row",
    oldest_hours=12.34567,
    hours=168,
    receipts=1234,
    is_chain_intact=True,
    first_goes_at=NOON + timedelta(hours=158),
)
RESULT = DemoResult(
    sent={"bucket": 65, "kafka": 65},
    outcomes=[BUCKET, KAFKA],
    members=[MEMBER],
    days=[DAY],
    retention=RETENTION,
    checks=42,
    seconds={"start": 20.123, "send": 3.0},
)
REJECTED_RESULT = replace(RESULT, outcomes=[ALL_REJECTED], sent={"bucket": 65})


def written(result: DemoResult) -> dict[str, Any]:
    return dict(json.loads(to_json(figures(result))))


def printed(result: DemoResult) -> str:
    with console.capture() as capture:
        print_report(result)
    return capture.get()


@pytest.fixture(autouse=True)
def wide_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 160)


def test_nothing_is_missing_when_all_is_finished() -> None:
    assert describe_missing([BUCKET, KAFKA], {"bucket": 65, "kafka": 65}) == ""


def test_rejected_images_have_come_through() -> None:
    assert describe_missing([ALL_REJECTED], {"bucket": 65}) == ""


def test_what_still_waits_is_told_with_its_numbers() -> None:
    waits = replace(BUCKET, processed=50, waiting=8)
    assert describe_missing([waits], {"bucket": 65}) == (
        "bucket: 65 sent, 63 known to the ledger, 55 finished"
    )


def test_a_source_that_nothing_came_from_is_told_too() -> None:
    assert describe_missing([BUCKET], {"bucket": 65, "kafka": 65}) == (
        "kafka: 65 sent, 0 known to the ledger, 0 finished"
    )


def test_several_sources_are_told_in_one_sentence() -> None:
    assert describe_missing([], {"bucket": 1, "kafka": 2}).count("; ") == 1


def test_the_json_has_flat_keys_and_beside_them_the_analysts_rows() -> None:
    report = written(RESULT)
    views = {"view_member_sales_summary", "view_image_daily_summary"}
    assert {name for name, value in report.items() if isinstance(value, dict | list)} == views


def test_the_json_tells_per_source_what_was_sent_processed_and_rejected() -> None:
    report = written(RESULT)
    assert (
        report.items()
        >= {
            "images.bucket.sent": 65,
            "images.bucket.processed": 60,
            "images.bucket.rejected": 5,
            "images.bucket.rejected.truncated": 3,
            "images.bucket.latency_median_seconds": 2.5,
            "images.kafka.latency_p95_seconds": 4.25,
            "seconds.start": 20.12,
        }.items()
    )


def test_the_json_tells_how_retention_stands() -> None:
    report = written(RESULT)
    assert {name: value for name, value in report.items() if name.startswith("retention.")} == {
        "retention.oldest_copy_hours": 12.3457,
        "retention.hours": 168,
        "retention.receipts": 1234,
        "retention.receipts_chain_is_intact": True,
        "retention.first_image_goes_at": "2024-05-24T02:00:00+00:00",
    }


@pytest.mark.parametrize(
    "word", ["ledger row", "12.35", "168", "1,234", "intact", "2024-05-24 02:00"]
)
def test_a_person_reads_how_old_the_oldest_copy_is_and_whether_the_receipts_hold(word: str) -> None:
    [line] = [line for line in printed(RESULT).splitlines() if "ledger row" in line]
    assert word in line


def test_a_broken_chain_of_receipts_is_told_as_such() -> None:
    broken = replace(RESULT, retention=replace(RETENTION, is_chain_intact=False))
    assert "broken" in printed(broken)


def test_images_per_second_count_from_the_first_arrival_to_the_last_one_visible() -> None:
    assert written(RESULT)["images_per_second"] == 10.0


def test_the_analysts_rows_are_numbers_dates_and_text_in_the_json() -> None:
    report = written(RESULT)
    assert report["view_member_sales_summary"][0]["total_spent"] == 1234.5
    assert report["view_image_daily_summary"][0]["arrived_on"] == "2024-05-17"


def test_what_has_no_json_form_is_refused_by_the_name_of_its_type() -> None:
    odd = replace(RESULT, members=[MEMBER | {"first_name": object()}])
    with pytest.raises(TypeError, match="object has no JSON form"):
        written(odd)


def test_images_that_were_all_rejected_are_a_report_too() -> None:
    """PostgreSQL's percentile of no rows is null."""
    report = written(REJECTED_RESULT)
    assert report["images.bucket.rejected.not_an_image"] == 65


def test_images_that_were_all_rejected_can_be_printed_too() -> None:
    assert "65 not_an_image" in printed(REJECTED_RESULT)


@pytest.mark.parametrize(
    "word", ["bucket", "kafka", "3 truncated", "2 empty", "Lovelace", "1,234.50", "2024-05-17"]
)
def test_a_person_reads_what_happened_and_what_an_analyst_sees(word: str) -> None:
    assert word in printed(RESULT)


def test_a_view_without_rows_is_printed_as_an_empty_table() -> None:
    assert "view_member_sales_summary" in printed(replace(RESULT, members=[], days=[]))


def test_a_state_that_changes_is_not_stalled_however_long_it_takes() -> None:
    detector = StallDetector(limit_seconds=10)
    assert not any(detector.is_stalled(number, now=9.0 * number) for number in range(1, 100))


def test_a_state_that_does_not_change_is_stalled_at_the_limit() -> None:
    detector = StallDetector(limit_seconds=10)
    assert not detector.is_stalled("same", now=100.0)
    assert not detector.is_stalled("same", now=109.9)
    assert detector.is_stalled("same", now=110.0)


def test_a_change_restarts_the_limit() -> None:
    detector = StallDetector(limit_seconds=10)
    detector.is_stalled("one", now=100.0)
    detector.is_stalled("other", now=109.0)
    assert not detector.is_stalled("other", now=118.0)
    assert detector.is_stalled("other", now=119.0)
