"""A batch summed up: every image counts once, under its outcome."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assets.images.processing.batches import ImageTiming
from assets.images.processing.summary import by_outcome

timings = st.lists(
    st.builds(
        ImageTiming,
        outcome=st.sampled_from(["processed", "truncated", "empty"]),
        size_bytes=st.integers(0, 10**7),
        megapixels=st.floats(0, 36),
        fetch_seconds=st.floats(0, 10),
        work_seconds=st.floats(0, 10),
        store_seconds=st.floats(0, 10),
    ),
    max_size=20,
)

PROCESSED = ImageTiming("processed", 2_000_000, 12.0, 0.010, 0.100, 0.020)
LARGER = ImageTiming("processed", 4_000_000, 24.0, 0.030, 0.300, 0.040)
REJECTED = ImageTiming("truncated", 500_000, 0.0, 0.010, 0.001, 0.005)


def test_a_batch_without_images_has_no_rows() -> None:
    assert by_outcome([]).empty


def test_outcomes_come_with_the_most_frequent_first() -> None:
    table = by_outcome([REJECTED, PROCESSED, LARGER])
    assert list(table["outcome"]) == ["processed", "truncated"]


def test_sizes_are_summed_and_times_averaged() -> None:
    (row,) = by_outcome([PROCESSED, LARGER]).to_dict("records")
    assert row == {
        "outcome": "processed",
        "images": 2,
        "megabytes": 6.0,
        "megapixels": 36.0,
        "fetch_ms": 20.0,
        "work_ms": 200.0,
        "store_ms": 30.0,
    }


@given(timings)
def test_every_image_is_counted_once(batch: list[ImageTiming]) -> None:
    assert by_outcome(batch)["images"].sum() == len(batch)


def test_a_table_of_nothing_can_be_shown_too() -> None:
    assert "outcome" in by_outcome([]).to_markdown(index=False)
