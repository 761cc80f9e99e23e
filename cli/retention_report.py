"""The output of the commands that delete: what was deleted, receipts, a proof, a progress bar."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from rich.progress import TextColumn

from assets.retention.proof import Proof, ReceiptMention
from assets.retention.receipt_chain import Chain
from assets.retention.receipts import (
    Copy,
    DeletedCopies,
    DeletionReason,
    ProgressCallback,
    Receipt,
    Tally,
)
from assets.settings import Settings
from infra.console import (
    FAILED,
    OK,
    console,
    counted,
    print_json,
    print_sentences,
    print_table,
    shown,
)
from infra.progress import progress_bar

_WHY = {
    DeletionReason.EXPIRY: "it had reached its age",
    DeletionReason.ERASURE: "its erasure was requested",
}
_PUBLIC = ("number", "why", "began_at", "ended_at", "expired_until", "images", "gone", "hash")


@contextmanager
def purge_progress(doing: str, images: int | None) -> Iterator[ProgressCallback]:
    """Shows a bar of images, and beside it how many copies of all kinds were deleted with them.

    Args:
        images: How many are about to be deleted; None where that is unknown.
    """
    with progress_bar(TextColumn("images, {task.fields[copies]:,} copies")) as bar:
        task, total, lock = bar.add_task(doing, total=images, copies=0), Tally(), Lock()

        def show(tally: Tally) -> None:
            nonlocal total
            with lock:
                total += tally
                bar.update(task, completed=total.items(Copy.LEDGER_ROW), copies=total.items())

        yield show


def print_deleted(tally: Tally) -> None:
    """Prints what was deleted, by kind of copy; nothing when nothing was."""
    rows = [
        {
            "deleted": _kind(one) + ("" if one.items == 1 else "s"),
            "count": one.items,
            "bytes": one.size_bytes or None,
            "oldest": one.oldest_at,
            "newest": one.newest_at,
        }
        for one in tally.gone
    ]
    if rows:
        print_table(rows)


def print_receipts(receipts: Sequence[Receipt], json: bool) -> None:
    """Prints receipts as a table, the newest first, or as JSON."""
    rows: list[dict[str, object]] = [
        {
            "no.": one.number,
            "written": one.ended_at,
            "why": f"{one.why}" + f"\nuntil {shown(one.expired_until)}" * bool(one.expired_until),
            "images": one.images,
            "deleted": "\n".join(counted(it.items, _kind(it)) for it in one.gone) or "nothing",
            "digest": one.hash.hex()[:8],
        }
        for one in reversed(receipts)
    ]
    if json:
        print_json([{name: getattr(one, name) for name in _PUBLIC} for one in receipts])
    elif rows:
        print_table(rows)
    else:
        console.print("There is no receipt yet: the first purge writes one, at 7 past the hour.")


def print_chain(chain: Chain) -> None:
    """Prints whether the receipts are intact, and what is wrong with them otherwise."""
    print_sentences(FAILED, chain.problems)
    print_sentences("[yellow]![/]", chain.notices)
    if not chain.problems:
        archived = f"{chain.receipts - chain.unarchived:,} in the archive"
        if chain.lock_days:
            archived += f", which keeps each for {counted(chain.lock_days, 'day')}"
        console.print(
            f"{OK} {counted(chain.receipts, 'receipt')} of {counted(chain.images, 'image')}: "
            f"none is missing, changed or out of place; {chain.signed:,} signed, {archived}.",
            soft_wrap=True,
        )


def print_proof(proof: Proof, settings: Settings) -> None:
    """Prints what was searched, what was found there, and what follows."""
    for sentence in findings(proof, settings):
        console.print(f"  {sentence}", soft_wrap=True)
    print_chain(proof.chain)
    sign = OK if proof.is_gone else FAILED
    console.print(f"{sign} [bold]{verdict(proof)}[/]", soft_wrap=True)


def findings(proof: Proof, settings: Settings) -> Iterator[str]:
    """Yields a sentence per place about what it holds of an image."""
    yield from _ledger_sentences(proof, settings)
    yield from (_receipt_sentence(one) for one in proof.mentions)
    if not proof.mentions:
        yield "Receipts: none of them names it."
    first, last = proof.days[0], proof.days[-1]
    for bucket in (settings.processed_bucket, settings.quarantine_bucket):
        yield (
            f"Bucket {bucket}: {counted(proof.objects_left[bucket], 'object')} under its keys, "
            f"searched under each of {counted(len(proof.days), 'day')} from {first} to {last}."
        )
    versions = counted(proof.objects_left[settings.raw_bucket], "version")
    yield (
        f"Bucket {settings.raw_bucket}: {versions} of this image among "
        f"{proof.raw_versions:,} that were searched."
    )
    yield "Not searched: messages that Kafka's brokers may still hold until their own retention."


def verdict(proof: Proof) -> str:
    """Returns in one sentence whether it is proven that an image is gone."""
    if proof.is_gone:
        return "The image is gone: a receipt names it, and nothing else does."
    if proof.ledger_row and proof.ledger_row.withdrawn_at:
        return "The image is being erased; ask again when the erasure or the next purge has ended."
    if proof.ledger_row:
        return "The image is not gone."
    if proof.rows_left or any(proof.objects_left.values()):
        return "Something is left of the image; the next purge deletes what no row names."
    if not proof.mentions:
        return "Nothing is left of such an image, and no receipt shows that it was ever here."
    return "Nothing is left of the image, but the receipts cannot be relied on."


def _ledger_sentences(proof: Proof, settings: Settings) -> Iterable[str]:
    if proof.ledger_row is None:
        yield f"Ledger: no row, and {counted(proof.rows_left, 'row')} of renditions."
        return
    row = proof.ledger_row
    yield f"Ledger: {row.state}, arrived {shown(row.arrived_at)} UTC."
    if row.withdrawn_at:
        yield f"Its erasure was requested at {shown(row.withdrawn_at)} UTC; nobody sees it."
        return
    purged_at = shown(row.arrived_at + settings.purge_age)
    gone_by = shown(row.arrived_at + settings.retention)
    yield f"It is purged within the hour after {purged_at} UTC, and gone by {gone_by}."


def _receipt_sentence(mention: ReceiptMention) -> str:
    others = f" with {counted(mention.images - 1, 'other')}" if mention.images > 1 else ""
    return (
        f"Receipt {mention.number}: it was deleted{others} at {shown(mention.ended_at)} UTC, "
        f"because {_WHY[mention.reason]}."
    )


def _kind(gone: DeletedCopies) -> str:
    return gone.copy.value.replace("_", " ")
