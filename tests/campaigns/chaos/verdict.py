"""The count: what the senders' record says was sent, against what the platform has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.campaigns.chaos.record import Sent


@dataclass(frozen=True)
class RecordedImage:
    """One ledger row, and what its original's bytes really are.

    Attributes:
        outcome: `waiting`, `processed`, or the reason of the rejection.
        sha256: Digest of the original as read from its bucket; None when it is not there.
    """

    source: str
    origin: str
    outcome: str
    sha256: str | None


@dataclass(frozen=True)
class Evidence:
    """What the platform has, read from outside.

    Attributes:
        rows: The ledger, row by row.
        copies: How often the Kafka topic or the raw bucket holds an image, by digest.
        missing_files: Renditions and quarantined originals that have a row and no object.
        orphaned_renditions: Objects in the processed bucket that have no row.
        stuck_runs: Runs in flight that have nothing left to do and do not end.
        unbalanced_hours: Hours in which landed is not waiting, processed, rejected and purged.
        unexplained_gaps: Ranges of Kafka offsets that were passed over.
        may_have_gaps: Whether the broker, when it is killed, leaves offsets without a message.
        rows_missing_in_views: Images that analysts do not see, or see twice.
    """

    rows: Sequence[RecordedImage]
    copies: Mapping[str, int]
    missing_files: int = 0
    orphaned_renditions: int = 0
    stuck_runs: int = 0
    unbalanced_hours: int = 0
    unexplained_gaps: int = 0
    may_have_gaps: bool = False
    rows_missing_in_views: int = 0


@dataclass(frozen=True)
class Verdict:
    """What came of a campaign's images; lost, duplicated and stuck must be 0.

    Attributes:
        lost: Acknowledged, and not in the ledger with the outcome that it must have.
        duplicated: Ledger rows beyond what topic, bucket and uploads really hold.
        stuck: Images that wait although all has settled, and runs that do not end.
        unexpected: Ledger rows of originals that nobody sent, or that are gone.
        repeated_by_senders: Copies that sources hold because an attempt's answer was cut off.
        unknown_attempts: Attempts of the senders that had no answer.
        examples: Sentences about the first that are lost, duplicated, stuck or unexpected.
    """

    sent: int
    acknowledged: int
    processed: int
    rejected: int
    lost: int
    duplicated: int
    stuck: int
    unexpected: int
    repeated_by_senders: int
    unknown_attempts: int
    evidence: Evidence
    examples: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Tells whether nothing is lost, duplicated, stuck or unaccounted for."""
        evidence = self.evidence
        return not any(
            (
                self.lost,
                self.duplicated,
                self.stuck,
                self.unexpected,
                evidence.missing_files,
                evidence.unbalanced_hours,
                evidence.unexplained_gaps and not evidence.may_have_gaps,
                evidence.rows_missing_in_views,
            )
        )


_EXAMPLES = 8


def evaluate(sent: Mapping[str, Sent], evidence: Evidence) -> Verdict:
    """Counts; a row too few is lost, one too many duplicated, one that waits stuck."""
    rows: dict[str, list[RecordedImage]] = defaultdict(list)
    for row in evidence.rows:
        rows[row.sha256 or ""].append(row)
    problems = Counter[str]()
    examples: list[str] = []
    for kind, sentence in _problems(sent, rows, evidence):
        problems[kind] += 1
        if len(examples) < _EXAMPLES:
            examples.append(f"{kind}: {sentence}")
    outcomes = Counter(row.outcome for row in evidence.rows)
    return Verdict(
        sent=len(sent),
        acknowledged=sum(one.is_acknowledged for one in sent.values()),
        processed=outcomes["processed"],
        rejected=outcomes.total() - outcomes["processed"] - outcomes["waiting"],
        lost=problems["lost"],
        duplicated=problems["duplicated"],
        stuck=problems["stuck"] + evidence.stuck_runs,
        unexpected=problems["unexpected"],
        repeated_by_senders=sum(max(0, count - 1) for count in evidence.copies.values()),
        unknown_attempts=sum(one.unknown_attempts for one in sent.values()),
        evidence=evidence,
        examples=tuple(examples),
    )


def _problems(
    sent: Mapping[str, Sent], rows: Mapping[str, Sequence[RecordedImage]], evidence: Evidence
) -> Iterator[tuple[str, str]]:
    origins = Counter((row.source, row.origin) for row in evidence.rows)
    for (source, origin), count in origins.items():
        yield from [("duplicated", f"{source} {origin} has {count} rows")] * (count - 1)
    for digest in rows.keys() - sent.keys():
        for row in rows[digest]:
            yield "unexpected", f"{row.source} {row.origin} is {row.outcome}, its original unknown"
    for digest, one in sent.items():
        found = _distinct(rows.get(digest, ()))
        yield from _image_problems(one, found, _copies(one, found, evidence.copies))


def _image_problems(
    one: Sent, found: Sequence[RecordedImage], copies: int
) -> Iterator[tuple[str, str]]:
    image = one.image
    expected = image.expected_reason or "processed"
    for _ in range(copies - len(found)):
        yield "lost", f"{image.name} has {len(found)} rows for {copies} copies"
    for _ in range(len(found) - copies):
        yield "duplicated", f"{image.name} has {len(found)} rows for {copies} copies"
    for row in found:
        if row.outcome == "waiting":
            yield "stuck", f"{image.name} waits"
        elif row.source != image.source:
            yield "unexpected", f"{image.name} was sent by {image.source} and came by {row.source}"
        elif row.outcome != expected:
            yield "lost", f"{image.name} is {row.outcome} and not {expected}"


def _copies(one: Sent, found: Sequence[RecordedImage], copies: Mapping[str, int]) -> int:
    """Returns how many rows an image must have: one per copy, and one if it was acknowledged."""
    held = copies.get(one.image.sha256, 0)
    if one.image.source == "upload":
        held = min(1, len(found))
    return max(held, int(one.is_acknowledged))


def _distinct(found: Sequence[RecordedImage]) -> list[RecordedImage]:
    """Leaves one row per origin: more are counted as duplicates of that origin."""
    return list({(row.source, row.origin): row for row in found}.values())
