"""Which columns outcomes are written to, each declared once: COPY and update are derived from it.

Numbers were checked when the processor returned them (`processing.contract`). Text comes out of
files, which may contain anything: it is cleaned here, the last place before COPY.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import LiteralString, NamedTuple

from assets.catalog.records import Outcome, Processed, Rejected, RenditionRecord, StageSeconds
from assets.resources.columns import Column

_MAX_TEXT_LENGTH = 200
_MAX_COLOURS = 5


class StoredRendition(NamedTuple):
    """A rendition with the outcome that it belongs to."""

    outcome: Processed
    rendition: RenditionRecord


def _of_processed(
    name: str, type_: LiteralString, read: Callable[[Processed], object], *, keeps: bool = False
) -> Column[Outcome]:
    """Returns a column that is null for rejected images."""
    return Column(name, type_, lambda one: read(one) if isinstance(one, Processed) else None, keeps)


def _of_rejected(
    name: str, read: Callable[[Rejected], object], *, keeps: bool = False
) -> Column[Outcome]:
    """Returns a column of text that is null for processed images."""
    return Column(name, "text", lambda one: read(one) if isinstance(one, Rejected) else None, keeps)


KEY: tuple[Column[Outcome], ...] = (
    Column("image_id", "uuid", lambda one: one.leased.image_id),
    Column("arrived_at", "timestamptz", lambda one: one.leased.arrived_at),
)
RESULT: tuple[Column[Outcome], ...] = (
    Column("state", "text", lambda one: one.state),
    _of_rejected("reason_code", lambda one: one.reason.value),
    _of_rejected("quarantine_key", lambda one: one.quarantine_key, keeps=True),
    _of_processed("format", "text", lambda one: _text(one.facts.format)),
    _of_processed("mode", "text", lambda one: _text(one.facts.mode)),
    _of_processed("width_px", "int4", lambda one: one.facts.width_px),
    _of_processed("height_px", "int4", lambda one: one.facts.height_px),
    _of_processed("sha256", "bytea", lambda one: one.facts.sha256, keeps=True),
    _of_processed("frames_count", "int4", lambda one: one.facts.frames),
    _of_processed("has_alpha", "bool", lambda one: one.facts.has_alpha),
    _of_processed("orientation", "int2", lambda one: one.facts.orientation),
    _of_processed("camera_make", "text", lambda one: _text(one.facts.camera_make)),
    _of_processed("camera_model", "text", lambda one: _text(one.facts.camera_model)),
    _of_processed("captured_local_time", "timestamp", lambda one: one.facts.captured_at),
    _of_processed("brightness", "float4", lambda one: one.facts.brightness),
    _of_processed("contrast", "float4", lambda one: one.facts.contrast),
    _of_processed("sharpness", "float4", lambda one: one.facts.sharpness),
    _of_processed("dominant_colours", "text[]", lambda one: _colours(one.facts.dominant_colours)),
    _of_processed("perceptual_hash", "int8", lambda one: one.facts.perceptual_hash),
    _of_processed("recipe", "text", lambda one: one.recipe.title),
    _of_processed("recipe_hash", "text", lambda one: one.recipe.hash),
    _of_processed("processor", "text", lambda one: _text(one.processor)),
    _of_processed(
        "renditions_bytes", "int8", lambda one: sum(r.size_bytes for r in one.renditions)
    ),
    _of_processed("processing_seconds", "float4", lambda one: _work(one.seconds)),
    _of_processed("fetch_seconds", "float4", lambda one: one.seconds.fetch),
    _of_processed("wait_seconds", "float4", lambda one: one.seconds.wait),
    _of_processed("decode_seconds", "float4", lambda one: one.seconds.decode),
    _of_processed("render_seconds", "float4", lambda one: one.seconds.render),
    _of_processed("encode_seconds", "float4", lambda one: one.seconds.encode),
    _of_processed("describe_seconds", "float4", lambda one: one.seconds.describe),
    _of_processed("store_seconds", "float4", lambda one: one.seconds.store),
)
"""What an outcome changes; `finished_at`, the time of writing, is set by the update itself."""

OUTCOME = (*KEY, *RESULT)

RENDITION: tuple[Column[StoredRendition], ...] = (
    Column("image_id", "uuid", lambda one: one.outcome.leased.image_id),
    Column("arrived_at", "timestamptz", lambda one: one.outcome.leased.arrived_at),
    Column("rendition_name", "text", lambda one: one.rendition.name),
    Column("object_key", "text", lambda one: one.rendition.object_key),
    Column("recipe_hash", "text", lambda one: one.outcome.recipe.hash),
    Column("format", "text", lambda one: one.rendition.format),
    Column("width_px", "int4", lambda one: one.rendition.width_px),
    Column("height_px", "int4", lambda one: one.rendition.height_px),
    Column("size_bytes", "int8", lambda one: one.rendition.size_bytes),
)


def stored_renditions(outcomes: Sequence[Outcome]) -> Iterator[StoredRendition]:
    """Yields the renditions of processed images."""
    for outcome in outcomes:
        if isinstance(outcome, Processed):
            yield from (StoredRendition(outcome, rendition) for rendition in outcome.renditions)


def _work(seconds: StageSeconds) -> float:
    return seconds.decode + seconds.render + seconds.encode + seconds.describe


def _colours(colours: Sequence[str]) -> list[str | None]:
    return list(map(_text, colours[:_MAX_COLOURS]))


def _text(said: str | None) -> str | None:
    """Returns the printable characters of a text, at most 200; None if there are none.

    PostgreSQL accepts no NUL and UTF-8 no lone surrogate; one of them would fail the whole batch.
    """
    if said is None or (said.isprintable() and len(said) <= _MAX_TEXT_LENGTH):
        return said or None
    return "".join(filter(str.isprintable, said))[:_MAX_TEXT_LENGTH].strip() or None
