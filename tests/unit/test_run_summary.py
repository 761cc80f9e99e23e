"""The summary of a run counts every image once, under its outcome."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.catalog.records import StageSeconds
from assets.processing.run_summary import ImageTiming, RunSummary, bar

_seconds = st.floats(0, 10)
timings = st.lists(
    st.builds(
        ImageTiming,
        outcome=st.sampled_from(["processed", "deferred", "truncated", "empty"]),
        size_bytes=st.integers(0, 10**7),
        megapixels=st.floats(0, 36),
        seconds=st.builds(StageSeconds, *[_seconds] * 7),
    ),
    max_size=20,
)

WORK = (0.050, 0.020, 0.020, 0.010)
PROCESSED = ImageTiming("processed", 2_000_000, 12.0, StageSeconds(0.010, 0.0, *WORK, 0.020))
LARGER = ImageTiming("processed", 4_000_000, 24.0, StageSeconds(0.030, 0.0, *WORK, 0.040))
REJECTED = ImageTiming("truncated", 500_000, 0.0, StageSeconds(0.010, 0.0))


def summary_of(*images: ImageTiming, busy_seconds: float = 0.0) -> RunSummary:
    summary = RunSummary(busy_seconds=busy_seconds)
    for image in images:
        summary.add(image)
    return summary


def test_outcomes_come_with_the_most_frequent_first() -> None:
    table = summary_of(REJECTED, PROCESSED, LARGER).outcome_table()
    assert list(table["outcome"]) == ["processed", "truncated"]


def test_sizes_are_summed() -> None:
    (row,) = summary_of(PROCESSED, LARGER).outcome_table().to_dict("records")
    del row["share"]
    assert row == {"outcome": "processed", "images": 2, "MB": 6.0, "MP": 36.0}


def test_stages_come_in_their_order_with_the_mean_time_of_an_image() -> None:
    table = summary_of(PROCESSED, LARGER).stage_table().set_index("stage")["ms per image"]
    assert table.to_dict() == {
        "fetch": 20.0,
        "wait": 0.0,
        "decode": 50.0,
        "render": 20.0,
        "encode": 20.0,
        "describe": 10.0,
        "store": 30.0,
    }


def test_waiting_has_no_share_of_the_work() -> None:
    queued = ImageTiming("processed", 1, 1.0, StageSeconds(0.1, 99.0, store=0.1))
    shares = summary_of(queued).stage_table().set_index("stage")["share"].to_dict()
    assert (shares["wait"], shares["fetch"], shares["store"]) == ("", bar(0.5), bar(0.5))


def test_a_run_is_summed_up_in_a_sentence() -> None:
    assert summary_of(PROCESSED, LARGER, REJECTED, busy_seconds=4.0).sentence() == (
        "2 images processed and 1 rejected in 4.0 s: 0.75 images and 9.0 megapixels per second."
    )


def test_rates_count_the_time_in_which_images_were_in_flight() -> None:
    assert summary_of(PROCESSED, LARGER, busy_seconds=4.0).rates() == {
        "images_per_second": 0.5,
        "megapixels_per_second": 9.0,
    }


def test_figures_are_rounded_for_people() -> None:
    image = ImageTiming("processed", 1_234_567, 1.26, StageSeconds(1.23456, 0.0))
    summary = summary_of(image, image, image, busy_seconds=7.0)
    assert summary.rates() == {"images_per_second": 0.43, "megapixels_per_second": 0.54}
    assert summary.outcome_table().to_dict("records") == [
        {"outcome": "processed", "images": 3, "MB": 3.7, "MP": 3.8, "share": bar(1)}
    ]
    assert summary.stage_table().to_dict("records")[0] == {
        "stage": "fetch",
        "ms per image": 1234.6,
        "share": bar(1),
    }


def test_each_outcome_has_its_share_of_the_images() -> None:
    table = summary_of(PROCESSED, LARGER, REJECTED).outcome_table()
    assert list(table["share"]) == [bar(2 / 3), bar(1 / 3)]


def test_images_that_took_no_time_have_no_shares_of_it() -> None:
    unmeasured = ImageTiming("empty", 0, 0.0, StageSeconds(0.0, 0.0))
    assert set(summary_of(unmeasured).stage_table()["share"]) == {""}


def test_failures_of_the_processor_are_counted_by_what_it_raised() -> None:
    failed = replace(REJECTED, failure="ValueError")
    summary = summary_of(failed, failed, REJECTED)
    assert summary.failures == {"ValueError": 2}


def test_a_run_without_images_has_rates_of_zero_and_empty_tables() -> None:
    assert set(RunSummary().rates().values()) == {0.0}
    for table in (RunSummary().outcome_table(), RunSummary().stage_table()):
        assert table.empty
        assert "share" in table.to_markdown(index=False)


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.0, " 0%"), (1.0, "█" * 18 + " 100%"), (0.5, "█" * 9 + " 50%"), (0.02, "▍ 2%")],
)
def test_a_share_is_drawn_and_followed_by_its_percentage(share: float, drawn: str) -> None:
    assert bar(share) == drawn


@given(st.floats(0, 1))
def test_a_bar_is_never_longer_than_all(share: float) -> None:
    assert len(bar(share).split()[0]) <= 18 or bar(share).startswith(" ")


@given(timings)
def test_every_image_is_counted_once(images: list[ImageTiming]) -> None:
    summary = summary_of(*images)
    assert summary.outcome_table()["images"].sum() == summary.images == len(images)
    assert summary.processed == sum(image.outcome == "processed" for image in images)
    assert summary.images == summary.processed + summary.rejected + summary.deferred
