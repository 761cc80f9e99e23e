"""Counts of runs add up."""

from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.kafka.landing import Landed

counts = st.builds(Landed, *[st.integers(0, 10**6)] * 5)


@given(counts, counts)
def test_counts_add_up_field_by_field(one: Landed, other: Landed) -> None:
    both = one + other
    assert both.messages == one.messages + other.messages
    assert both.new_images == one.new_images + other.new_images
    assert both.rejected == one.rejected + other.rejected
    assert both.size_bytes == one.size_bytes + other.size_bytes
    assert both.missing == one.missing + other.missing
