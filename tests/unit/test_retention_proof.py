"""What a proof of deletion says, and which days it covers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.retention.ledger_rows import LedgerRow
from assets.retention.proof import Proof, ReceiptMention, days_to_search
from assets.retention.receipt_chain import Chain
from assets.retention.receipts import DeletionReason
from assets.settings import Settings
from cli.retention_report import findings, verdict

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
IMAGE = UUID("6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d")
SETTINGS = Settings(database_url="postgresql://nowhere", kafka_bootstrap_servers="nowhere")
TOLD = ReceiptMention(7, DeletionReason.EXPIRY, 3, NOON, NOON - WEEK, NOON - WEEK)
NOTHING_LEFT = dict.fromkeys(SETTINGS.image_buckets, 0)
GONE = Proof(
    image=IMAGE,
    ledger_row=None,
    mentions=(TOLD,),
    rows_left=0,
    objects_left=NOTHING_LEFT,
    days=(date(2026, 3, 1), date(2026, 3, 2)),
    raw_versions=1234,
    chain=Chain(9, 30, ()),
)
MOMENTS = st.timedeltas(-200 * WEEK, 200 * WEEK).map(lambda by: NOON + by)
HELD = LedgerRow("processed", NOON, None)


def test_a_receipt_and_nothing_else_is_a_proof():
    assert GONE.is_gone
    assert "a receipt names it, and nothing else does" in verdict(GONE)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"ledger_row": HELD}, "The image is not gone."),
        ({"ledger_row": replace(HELD, withdrawn_at=NOON)}, "The image is being erased"),
        ({"rows_left": 1}, "Something is left"),
        ({"objects_left": NOTHING_LEFT | {SETTINGS.raw_bucket: 1}}, "Something is left"),
        ({"mentions": ()}, "no receipt shows that it was ever here"),
        ({"chain": Chain(9, 30, ("Receipt 3 is missing.",))}, "cannot be relied on"),
    ],
)
def test_whatever_speaks_against_it_is_no_proof_and_is_said(found, sentence):
    proof = replace(GONE, **found)
    assert not proof.is_gone
    assert sentence in verdict(proof)


def test_what_was_looked_at_is_said_bucket_by_bucket_and_what_was_not_too():
    said = "\n".join(findings(GONE, SETTINGS))
    assert all(bucket in said for bucket in SETTINGS.image_buckets)
    assert "each of 2 days from 2026-03-01 to 2026-03-02" in said
    assert "0 versions of this image among 1,234 that were searched" in said
    assert "Not searched: messages that Kafka's brokers may still hold" in said


def test_the_time_at_which_an_image_goes_is_told_while_it_is_there():
    said = "\n".join(findings(replace(GONE, ledger_row=HELD), SETTINGS))
    assert "within the hour after 2026-03-15 02:00 UTC, and gone by 2026-03-15 12:00" in said


def test_a_receipt_tells_how_many_went_with_an_image_and_why():
    assert (
        "Receipt 7: it was deleted with 2 others at 2026-03-08 12:00 UTC, because it had reached"
        in ("\n".join(findings(GONE, SETTINGS)))
    )


@given(
    now=MOMENTS,
    age=st.timedeltas(timedelta(0), WEEK),
)
def test_every_day_on_which_an_image_within_the_retention_arrived_is_looked_at(now, age):
    assert (now - age).date() in days_to_search(now, WEEK)


@given(arrived_at=MOMENTS)
def test_the_days_that_a_receipt_tells_of_are_looked_at_however_long_ago(arrived_at):
    told = replace(TOLD, oldest_at=arrived_at - timedelta(hours=30), newest_at=arrived_at)
    assert arrived_at.date() in days_to_search(NOON, WEEK, [told])


def test_days_are_in_order_and_each_is_there_once():
    days = days_to_search(NOON, WEEK, [TOLD, TOLD])
    assert list(days) == sorted(set(days))
