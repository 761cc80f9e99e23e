"""How the benchmark separates messages landed during a purge from all others."""

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.retention_ingest import ALONE, DURING_PURGE, rates_of
from infra.report import MeasurementError

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(*seconds: float) -> list[datetime]:
    return [START + timedelta(seconds=one) for one in seconds]


def test_each_message_counts_on_the_side_where_it_was_landed():
    moments = after(0, 1, 2, 3, 4, 6, 8, 9, 10)
    began, ended = after(4, 8)
    assert rates_of(moments, began, ended) == {ALONE: 1.0, DURING_PURGE: 0.5}


def test_what_a_purge_does_after_the_last_message_does_not_count():
    began, ended = after(2, 100)
    assert rates_of(after(0, 1, 2, 3, 4), began, ended) == {ALONE: 1.0, DURING_PURGE: 1.0}


@pytest.mark.parametrize("window", [(5, 6), (-2, -1), (-1, 5)])
def test_a_purge_that_does_not_overlap_in_part_is_no_measurement(window):
    began, ended = after(*window)
    with pytest.raises(MeasurementError, match="did not overlap"):
        rates_of(after(0, 1, 2, 3, 4), began, ended)
