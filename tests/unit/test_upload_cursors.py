"""Cursors: they lead back to where a page ended, and made-up ones lead nowhere."""

import base64
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.upload.lookup import Position
from services.upload_api.catalogue import read_cursor, write_cursor
from services.upload_api.problems import ProblemError
from tests.unit.arrivals import NOON

AN_ID = UUID("6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d")
moments = st.timedeltas(timedelta(days=-8000), timedelta(days=300_000)).map(NOON.__add__)


@given(moments, st.uuids())
def test_a_cursor_leads_back_to_where_the_page_ended(moment: datetime, image: UUID) -> None:
    assert read_cursor(write_cursor(Position(moment, image))) == Position(moment, image)


def test_a_cursor_does_not_depend_on_the_time_zone() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
    assert write_cursor(Position(elsewhere, AN_ID)) == write_cursor(Position(NOON, AN_ID))


def test_a_cursor_fits_into_an_address() -> None:
    cursor = write_cursor(Position(NOON, AN_ID))
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert len(cursor) < 200


def told(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "§§",
        "....",
        told(""),
        told("now"),
        told(f"2024-05-17T12:00:00 {AN_ID}"),
        told(f"0001-01-01T00:00:00+14:00 {AN_ID}"),
        told(f"9999-12-31T23:59:59+00:00 {AN_ID}"),
        told("2024-05-17T12:00:00+00:00 me"),
        told(f"2024-05-17T12:00:00+00:00{AN_ID}"),
    ],
)
def test_a_forged_cursor_is_refused_with_advice(cursor: str) -> None:
    with pytest.raises(ProblemError) as refused:
        read_cursor(cursor)
    assert refused.value.kind.status == 422
    assert "begin without one" in refused.value.detail


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_or_refused(cursor: str) -> None:
    try:
        position = read_cursor(cursor)
    except ProblemError:
        return
    assert read_cursor(write_cursor(position)) == position
