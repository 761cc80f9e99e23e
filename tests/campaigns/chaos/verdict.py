"""The verdict: compares what the senders' records say was sent with what the platform has."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.console import print_sentences, print_table
from infra.report import Bound, Direction, Report
from tests.campaigns.chaos.faults import Fault, FaultKind
from tests.campaigns.chaos.record import Sent

_EXAMPLES = 8
_NAMES = {
    "lost": ("lost", "images"),
    "duplicated": ("duplicated", "images"),
    "stuck": ("stuck", "images or runs"),
    "resurrected": ("resurrected", "images or copies"),
    "unexpected": ("in the ledger, but not sent", "images"),
    "missing_files": ("missing renditions and originals", "files"),
    "unbalanced_hours": ("unbalanced", "hours"),
    "rows_missing_in_views": ("missing in the analysts' views", "images"),
    "unexplained_gaps": ("unexplained ranges of offsets", "gaps"),
}


@dataclass(frozen=True)
class RecordedImage:
    """One ledger row, and the digest of its original.

    Attributes:
        outcome: `waiting`, `processed`, or the reason of the rejection.
        sha256: Digest of the original as read from its bucket; None if it is missing.
        is_erased: Whether its erasure was requested.
    """

    source: str
    origin: str
    outcome: str
    sha256: str | None
    is_erased: bool = False


@dataclass(frozen=True)
class Evidence:
    """What the platform has, as read from outside.

    Attributes:
        rows: The ledger, row by row.
        copies: How often the Kafka topic or the raw bucket holds an image, by digest.
        missing_files: Renditions and quarantined originals that have a row but no object.
        orphaned_renditions: Objects in the processed bucket without a row.
        stuck_runs: Runs that have nothing left to do and do not end.
        unbalanced_hours: Hours in which landed ≠ waiting + processed + rejected + purged.
        may_have_gaps: Whether a killed broker leaves offsets without a message.
        rows_missing_in_views: Images that are missing in the analysts' views, or there twice.
        erased_copies_left: Renditions and objects, in all versions, of erased images.
        erased_in_receipts: Erased images that a receipt of an erasure names.
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
    erased_copies_left: int = 0
    erased_in_receipts: int = 0


@dataclass(frozen=True)
class Verdict:
    """The outcome of a campaign's images.

    Attributes:
        erased: Erased on the campaign's request.
        lost: Acknowledged, and not in the ledger with the expected outcome; or erased, and not in a
            receipt.
        duplicated: Ledger rows beyond the copies in topic, bucket and uploads.
        stuck: Images that still wait at the end, and runs that do not end.
        resurrected: Rows and copies of erased images.
        unexpected: Ledger rows whose original was not sent, or is missing.
        repeated_by_senders: Further copies in the sources, made by retries after a lost answer.
        unknown_attempts: Attempts of the senders that got no answer.
        examples: Sentences about the first few problems.
    """

    sent: int
    acknowledged: int
    processed: int
    rejected: int
    erased: int
    lost: int
    duplicated: int
    stuck: int
    resurrected: int
    unexpected: int
    repeated_by_senders: int
    unknown_attempts: int
    evidence: Evidence
    examples: tuple[str, ...] = ()

    @property
    def violations(self) -> dict[str, int]:
        """By what must never happen, how often it did."""
        evidence = self.evidence
        counts = {
            "lost": self.lost,
            "duplicated": self.duplicated,
            "stuck": self.stuck,
            "resurrected": self.resurrected,
            "unexpected": self.unexpected,
            "missing_files": evidence.missing_files,
            "unbalanced_hours": evidence.unbalanced_hours,
            "rows_missing_in_views": evidence.rows_missing_in_views,
        }
        if not evidence.may_have_gaps:
            counts["unexplained_gaps"] = evidence.unexplained_gaps
        return counts

    @property
    def is_clean(self) -> bool:
        """Whether nothing happened that must never happen."""
        return not any(self.violations.values())


def evaluate(sent: Mapping[str, Sent], evidence: Evidence) -> Verdict:
    """Counts: a missing row is lost, an additional one duplicated, a waiting one stuck.

    An erased image has a receipt in place of a row; any row of it is resurrected.
    """
    rows: dict[str, list[RecordedImage]] = defaultdict(list)
    for row in evidence.rows:
        if not row.is_erased:
            rows[row.sha256 or ""].append(row)
    problems = Counter[str]()
    examples: list[str] = []
    for kind, sentence in _problems(sent, rows, evidence):
        problems[kind] += 1
        if len(examples) < _EXAMPLES:
            examples.append(f"{kind}: {sentence}")
    outcomes = Counter(row.outcome for row in evidence.rows if not row.is_erased)
    return Verdict(
        sent=len(sent),
        acknowledged=sum(one.is_acknowledged for one in sent.values()),
        processed=outcomes["processed"],
        rejected=outcomes.total() - outcomes["processed"] - outcomes["waiting"],
        erased=sum(one.is_erased for one in sent.values()),
        lost=problems["lost"],
        duplicated=problems["duplicated"],
        stuck=problems["stuck"] + evidence.stuck_runs,
        resurrected=problems["resurrected"] + evidence.erased_copies_left,
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
    for row in evidence.rows:
        if row.is_erased:
            yield "resurrected", f"{row.source} {row.origin} is {row.outcome} after its erasure"
    for _ in range(sum(one.is_erased for one in sent.values()) - evidence.erased_in_receipts):
        yield "lost", "an erased image has no receipt"
    for digest in rows.keys() - sent.keys():
        for row in rows[digest]:
            yield "unexpected", f"{row.source} {row.origin} is {row.outcome}, its original unknown"
    for digest, one in sent.items():
        found = _distinct(rows.get(digest, ()))
        if one.is_erased:
            yield from _erased_problems(one, found, evidence.copies)
        else:
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
            yield "stuck", f"{image.name} is still waiting"
        elif row.source != image.source:
            yield (
                "unexpected",
                f"{image.name} was sent by {image.source} and arrived by {row.source}",
            )
        elif row.outcome != expected:
            yield "lost", f"{image.name} is {row.outcome} instead of {expected}"


def _erased_problems(
    one: Sent, found: Sequence[RecordedImage], copies: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """An erased image may be left in the topic alone."""
    for row in found:
        yield "resurrected", f"{one.image.name} is {row.outcome} as {row.source} {row.origin}"
    if one.image.source == "bucket":
        for _ in range(copies.get(one.image.sha256, 0)):
            yield "resurrected", f"{one.image.name} is in the raw bucket"


def _copies(one: Sent, found: Sequence[RecordedImage], copies: Mapping[str, int]) -> int:
    """Returns how many rows an image must have: one per copy, at least one if acknowledged."""
    held = copies.get(one.image.sha256, 0)
    if one.image.source == "upload":
        held = min(1, len(found))
    return max(held, int(one.is_acknowledged))


def _distinct(found: Sequence[RecordedImage]) -> list[RecordedImage]:
    """Keeps one row per origin: further ones are counted as duplicates of that origin."""
    return list({(row.source, row.origin): row for row in found}.values())


def report_of(kafka: str, verdict: Verdict, injected: Sequence[Fault], seconds: float) -> Report:
    """Returns a campaign's figures, and one bound for each thing that must never happen."""
    evidence = verdict.evidence
    faults = Counter(f"faults.{fault.kind}.{fault.target}" for fault in injected)
    report = Report(f"chaos_{kafka}")
    report.add(
        {
            **{name: count for name, count in vars(verdict).items() if isinstance(count, int)},
            **verdict.violations,
            "orphaned_renditions": evidence.orphaned_renditions,
            "unexplained_gaps": evidence.unexplained_gaps,
            "seconds": seconds,
            "faults": len(injected),
            **dict(sorted(faults.items())),
        }
    )
    for violation, count in verdict.violations.items():
        name, unit = _NAMES[violation]
        report.bounds.append(Bound(name, count, Direction.AT_MOST, 0, unit))
    return report


def print_report(verdict: Verdict, injected: Sequence[Fault]) -> None:
    """Prints the counts, the injected faults, and examples of what is wrong."""
    evidence = verdict.evidence
    counts = {
        "sent": verdict.sent,
        "acknowledged by the sources": verdict.acknowledged,
        "processed": verdict.processed,
        "rejected": verdict.rejected,
        "erased": verdict.erased,
        "renditions without a row": evidence.orphaned_renditions,
        "attempts without an answer": verdict.unknown_attempts,
        "copies made by senders' retries": verdict.repeated_by_senders,
    }
    if evidence.may_have_gaps:
        counts["recorded gaps that the broker left"] = evidence.unexplained_gaps
    print_table([{"": name, "number": count} for name, count in counts.items()], title="Counts")
    counted = Counter((fault.target, fault.kind) for fault in injected)
    faults = [
        {"target": target, **{kind: counted[target, kind] or None for kind in FaultKind}}
        for target in sorted({fault.target for fault in injected})
    ]
    print_table(faults, title="Faults")
    print_sentences("[red]•[/]", verdict.examples)
