"""What the commands of retention print: tables of what went, of receipts, and a proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.retention.proof import Chain, Proof, ReceiptMention
from assets.retention.receipts import DeletedCopies, DeletionReason, Receipt, Tally
from assets.settings import Settings

_OK, _FAILED = "[bold green]✓[/]", "[bold red]✗[/]"
_WHY = {
    DeletionReason.EXPIRY: "it had reached its age",
    DeletionReason.ERASURE: "its erasure was asked for",
}


def print_deleted(console: Console, tally: Tally) -> None:
    """Prints what went, by kind of copy; nothing when nothing went."""
    if not tally.gone:
        return
    table = Table("what went", "how many", "bytes", "oldest", "newest")
    for column in (1, 2):
        table.columns[column].justify = "right"
    for one in tally.gone:
        table.add_row(
            _named(one), f"{one.items:,}", _bytes(one), _at(one.oldest_at), _at(one.newest_at)
        )
    console.print(table)


def print_receipts(console: Console, receipts: Sequence[Receipt]) -> None:
    """Prints receipts as a table, the newest first."""
    table = Table("no.", "written", "why", "images", "what went", "digest")
    for column in (0, 3):
        table.columns[column].justify = "right"
    for one in reversed(receipts):
        until = f"\nuntil {_at(one.expired_until)}" if one.expired_until else ""
        table.add_row(
            str(one.number),
            _at(one.ended_at),
            f"{one.why.value}{until}",
            f"{one.images:,}",
            "\n".join(f"{gone.items:,} {_named(gone)}" for gone in one.gone) or "nothing",
            one.hash.hex()[:8],
        )
    console.print(table)


def print_chain(console: Console, chain: Chain) -> None:
    """Prints whether the receipts are intact, and what is wrong with them otherwise."""
    for sentence in chain.wrong:
        console.print(f"{_FAILED} {escape(sentence)}", soft_wrap=True)
    if chain.wrong:
        return
    console.print(
        f"{_OK} {chain.receipts:,} receipts tell of {chain.images:,} images; "
        "none is missing, changed or out of its place.",
        soft_wrap=True,
    )


def print_proof(console: Console, proof: Proof, settings: Settings) -> None:
    """Prints what was looked at, what was found there, and what follows."""
    for sentence in findings(proof, settings):
        console.print(f"  {sentence}", soft_wrap=True)
    print_chain(console, proof.chain)
    sign = _OK if proof.is_gone else _FAILED
    console.print(f"{sign} [bold]{verdict(proof)}[/]", soft_wrap=True)


def findings(proof: Proof, settings: Settings) -> Iterator[str]:
    """Says what each place has of an image, a sentence each."""
    yield from _ledger_sentences(proof, settings)
    yield from (_receipt_sentence(one) for one in proof.told)
    if not proof.told:
        yield "Receipts: none of them names it."
    first, last = proof.days[0], proof.days[-1]
    for bucket in (settings.processed_bucket, settings.quarantine_bucket):
        yield (
            f"Bucket {bucket}: {proof.objects_left[bucket]} objects under its keys, looked for "
            f"under each of {len(proof.days)} days from {first} to {last}."
        )
    yield (
        f"Bucket {settings.raw_bucket}: {proof.objects_left[settings.raw_bucket]} versions are "
        f"this image; all {proof.raw_versions:,} that are there were looked at."
    )
    yield "Not looked at: messages that Kafka's brokers may still hold until their own retention."


def verdict(proof: Proof) -> str:
    """Says in one sentence whether it is proven that an image is gone."""
    if proof.is_gone:
        return "The image is gone: a receipt names it, and nothing else does."
    if proof.held and proof.held.withdrawn_at:
        return "The image is being erased; ask again when the erasure or the next purge has ended."
    if proof.held:
        return "The image is not gone."
    if proof.rows_left or any(proof.objects_left.values()):
        return "Something is left of the image; the next purge takes what no row knows."
    if not proof.told:
        return "Nothing is left of such an image, and no receipt shows that it ever was here."
    return "Nothing is left of the image, but the receipts cannot be relied on."


def _ledger_sentences(proof: Proof, settings: Settings) -> Iterable[str]:
    if proof.held is None:
        yield f"Ledger: no row, and {proof.rows_left} rows of renditions."
        return
    held = proof.held
    yield f"Ledger: {held.state}, arrived {_at(held.arrived_at)} UTC."
    if held.withdrawn_at:
        yield f"Its erasure was asked for at {_at(held.withdrawn_at)} UTC; nobody sees it any more."
        return
    purged_at, gone_by = deletion_times(held.arrived_at, settings)
    yield f"It is purged within the hour after {_at(purged_at)} UTC, and gone by {_at(gone_by)}."


def deletion_times(arrived_at: datetime, settings: Settings) -> tuple[datetime, datetime]:
    """Returns when the purge begins to take an image, and when it has to be gone."""
    return arrived_at + settings.purge_age, arrived_at + settings.retention


def hours(age: timedelta) -> float:
    """Returns an age in hours."""
    return age / timedelta(hours=1)


def _receipt_sentence(told: ReceiptMention) -> str:
    others = f" with {told.images - 1:,} others" if told.images > 1 else ""
    return (
        f"Receipt {told.number}: it went{others} at {_at(told.ended_at)} UTC, because "
        f"{_WHY[told.why]}."
    )


def _named(gone: DeletedCopies) -> str:
    return gone.copy.value.replace("_", " ") + ("s" if gone.items != 1 else "")


def _bytes(gone: DeletedCopies) -> str:
    return f"{gone.size_bytes:,}" if gone.size_bytes else ""


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
