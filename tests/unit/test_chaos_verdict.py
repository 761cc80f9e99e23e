"""The campaign's count: every way of being lost, doubled or stuck is seen, and nothing else is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaigns.chaos.faults import Fault, FaultKind, Target
from tests.campaigns.chaos.record import Image, Sent
from tests.campaigns.chaos.verdict import Evidence, RecordedImage, Verdict, evaluate, report_of

CAT = Image("cat.jpg", "kafka", "aa" * 32, None)
LETTER = Image("letter.jpg", "bucket", "bb" * 32, "not_an_image")
ROSE = Image("rose.jpg", "upload", "cc" * 32, None)
SENT = {image.sha256: Sent(image, is_acknowledged=True) for image in (CAT, LETTER, ROSE)}
CAT_ROW = RecordedImage("kafka", "images/0/1", "processed", CAT.sha256)
LETTER_ROW = RecordedImage("bucket", "raw/letter.jpg?1", "not_an_image", LETTER.sha256)
ROSE_ROW = RecordedImage("upload", "upload/1", "processed", ROSE.sha256)
ROWS = (CAT_ROW, LETTER_ROW, ROSE_ROW)
COPIES = {CAT.sha256: 1, LETTER.sha256: 1}


def judged(
    *rows: RecordedImage, sent: dict[str, Sent] = SENT, copies: dict[str, int] = COPIES
) -> Verdict:
    return evaluate(sent, Evidence(rows, copies))


def test_when_every_image_is_where_it_must_be_the_verdict_is_clean():
    verdict = judged(*ROWS)
    assert verdict.is_clean
    assert (verdict.sent, verdict.acknowledged) == (3, 3)
    assert (verdict.processed, verdict.rejected) == (2, 1)


@pytest.mark.parametrize("missing", ROWS, ids=lambda row: row.source)
def test_an_acknowledged_image_without_a_row_is_lost(missing):
    verdict = judged(*(row for row in ROWS if row != missing))
    assert (verdict.lost, verdict.is_clean) == (1, False)


def test_an_acknowledged_image_that_topic_and_ledger_lack_is_lost():
    assert judged(LETTER_ROW, ROSE_ROW, copies={LETTER.sha256: 1}).lost == 1


def test_an_image_with_an_unexpected_outcome_is_lost():
    assert judged(replace(CAT_ROW, outcome="gave_up"), LETTER_ROW, ROSE_ROW).lost == 1
    assert judged(CAT_ROW, replace(LETTER_ROW, outcome="processed"), ROSE_ROW).lost == 1


def test_an_image_that_waits_is_stuck():
    verdict = judged(replace(CAT_ROW, outcome="waiting"), LETTER_ROW, ROSE_ROW)
    assert (verdict.stuck, verdict.lost, verdict.is_clean) == (1, 0, False)


def test_a_run_that_does_not_end_is_stuck():
    verdict = evaluate(SENT, Evidence(ROWS, COPIES, stuck_runs=2))
    assert (verdict.stuck, verdict.is_clean) == (2, False)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
def test_a_second_row_of_one_origin_is_a_duplicate(row):
    verdict = judged(*ROWS, row)
    assert (verdict.duplicated, verdict.lost, verdict.is_clean) == (1, 0, False)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
def test_a_second_origin_of_one_image_is_a_duplicate_if_the_source_holds_it_once(row):
    verdict = judged(*ROWS, replace(row, origin="another"))
    assert (verdict.duplicated, verdict.is_clean) == (1, False)


@pytest.mark.parametrize("row", [CAT_ROW, LETTER_ROW], ids=lambda row: row.source)
def test_a_copy_that_the_sender_made_by_retrying_has_its_own_row(row):
    twice = COPIES | {row.sha256: 2}
    verdict = judged(*ROWS, replace(row, origin="another"), copies=twice)
    assert (verdict.is_clean, verdict.repeated_by_senders) == (True, 1)


def test_a_copy_that_the_sender_made_and_that_has_no_row_is_lost():
    assert judged(*ROWS, copies=COPIES | {CAT.sha256: 2}).lost == 1


def test_a_row_of_something_that_nobody_sent_is_unexpected():
    verdict = judged(*ROWS, RecordedImage("bucket", "raw/x?1", "processed", "dd" * 32))
    assert (verdict.unexpected, verdict.is_clean) == (1, False)


def test_a_row_whose_original_is_gone_is_unexpected_and_its_image_lost():
    verdict = judged(replace(CAT_ROW, sha256=None), LETTER_ROW, ROSE_ROW)
    assert (verdict.unexpected, verdict.lost) == (1, 1)


def test_an_image_that_arrived_by_another_source_is_unexpected():
    assert judged(replace(CAT_ROW, source="bucket"), LETTER_ROW, ROSE_ROW).unexpected == 1


def erased(*images: Image) -> dict[str, Sent]:
    return SENT | {image.sha256: Sent(image, True, is_erased=True) for image in images}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
def test_an_erased_image_is_accounted_for_by_its_receipt(row):
    sent = erased(SENT[row.sha256].image)
    in_bucket = row.source == "bucket"
    copies = {CAT.sha256: 1} if in_bucket else COPIES
    others = [other for other in ROWS if other != row]
    verdict = evaluate(sent, Evidence(others, copies, erased_in_receipts=1))
    assert (verdict.is_clean, verdict.erased, verdict.lost) == (True, 1, 0)


def test_an_erased_image_without_a_receipt_is_lost():
    verdict = evaluate(erased(CAT), Evidence((LETTER_ROW, ROSE_ROW), COPIES))
    assert (verdict.lost, verdict.resurrected, verdict.is_clean) == (1, 0, False)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
@pytest.mark.parametrize(
    "changes",
    [
        {"is_erased": True},
        {"is_erased": True, "sha256": None},
        {"is_erased": True, "outcome": "waiting"},
        {"origin": "another"},
    ],
    ids=["as it was", "without its original", "requeued", "under another origin"],
)
def test_a_row_of_an_erased_image_is_resurrected_and_nothing_else(row, changes):
    sent = erased(SENT[row.sha256].image)
    rows = [replace(row, **changes), *(other for other in ROWS if other != row)]
    copies = {digest: count for digest, count in COPIES.items() if digest != row.sha256}
    verdict = evaluate(sent, Evidence(rows, copies, erased_in_receipts=1))
    assert verdict.resurrected == 1
    assert {name for name, count in verdict.violations.items() if count} == {"resurrected"}


def test_a_copy_of_an_erased_image_in_a_bucket_is_resurrected_and_in_the_topic_not():
    in_bucket = Evidence((CAT_ROW, ROSE_ROW), COPIES, erased_in_receipts=1)
    assert evaluate(erased(LETTER), in_bucket).resurrected == 1
    in_topic = Evidence((LETTER_ROW, ROSE_ROW), COPIES, erased_in_receipts=1)
    assert evaluate(erased(CAT), in_topic).is_clean
    left = replace(in_topic, erased_copies_left=3)
    assert evaluate(erased(CAT), left).resurrected == 3


@pytest.mark.parametrize("image", [CAT, LETTER, ROSE], ids=lambda image: image.source)
def test_an_image_never_acknowledged_may_be_there_or_not(image):
    sent = SENT | {image.sha256: Sent(image, unknown_attempts=3)}
    [row] = [row for row in ROWS if row.sha256 == image.sha256]
    others = [other for other in ROWS if other != row]
    held = {digest: count for digest, count in COPIES.items() if digest != image.sha256}
    assert judged(*ROWS, sent=sent).is_clean
    assert judged(*others, sent=sent, copies=held).is_clean


@pytest.mark.parametrize(
    "found", ["missing_files", "unbalanced_hours", "unexplained_gaps", "rows_missing_in_views"]
)
def test_anything_else_that_must_not_happen_makes_the_verdict_unclean(found):
    assert not evaluate(SENT, Evidence(ROWS, COPIES, **{found: 1})).is_clean


def test_a_rendition_without_a_row_is_reported_but_allowed():
    assert evaluate(SENT, Evidence(ROWS, COPIES, orphaned_renditions=1)).is_clean


@given(lost=st.integers(0, 30), doubled=st.integers(0, 30))
def test_faults_are_counted_whatever_their_number(lost, doubled):
    images = [Image(f"{n}.jpg", "kafka", f"{n:064x}", None) for n in range(60)]
    sent = {image.sha256: Sent(image, is_acknowledged=True) for image in images}
    rows = [
        RecordedImage("kafka", f"images/0/{n}", "processed", f"{n:064x}") for n in range(lost, 60)
    ]
    rows += [
        RecordedImage("kafka", f"images/1/{n}", "processed", f"{59 - n:064x}")
        for n in range(doubled)
    ]
    verdict = evaluate(sent, Evidence(rows, dict.fromkeys(sent, 1)))
    assert (verdict.lost, verdict.duplicated) == (lost, doubled)
    assert len(verdict.examples) == min(8, lost + doubled)


def test_offsets_without_a_message_are_the_platforms_fault_unless_the_broker_leaves_such():
    gaps = Evidence(ROWS, COPIES, unexplained_gaps=1)
    assert not evaluate(SENT, gaps).is_clean
    assert evaluate(SENT, replace(gaps, may_have_gaps=True)).is_clean


def test_each_thing_that_must_not_happen_is_a_bound_of_the_report():
    clean = report_of("tansu", evaluate(SENT, Evidence(ROWS, COPIES)), [], 1.0)
    assert clean.missed == []
    for found in (
        *("stuck_runs", "missing_files", "unbalanced_hours", "unexplained_gaps"),
        "erased_copies_left",
    ):
        verdict = evaluate(SENT, Evidence(ROWS, COPIES, **{found: 2}))
        assert [bound.value for bound in report_of("tansu", verdict, [], 1.0).missed] == [2]


def test_the_report_counts_the_faults():
    fault = Fault(FaultKind.KILL, Target.RUN)
    report = report_of("tansu", evaluate(SENT, Evidence(ROWS, COPIES)), [fault, fault], 1.0)
    assert (report.figures["faults"], report.figures["faults.kill.run"]) == (2, 2)
