"""Outcomes as rows of the catalogue.

Numbers were checked when the processor returned them (`processing.contract`). Text can come out of
a file, which may say what it likes: it is made to fit here, the last place before COPY.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from assets.catalog.facts import ImageFacts
from assets.catalog.records import Outcome, Processed, Rejected

KEY = {"image_id": "uuid", "arrived_at": "timestamptz"}
END = {
    "state": "text",
    "reason_code": "text",
    "quarantine_key": "text",
    "finished_at": "timestamptz",
}
FOUND = {
    "format": "text",
    "mode": "text",
    "width_px": "int4",
    "height_px": "int4",
    "sha256": "bytea",
    "frames_count": "int4",
    "has_alpha": "bool",
    "orientation": "int2",
    "camera_make": "text",
    "camera_model": "text",
    "captured_local_time": "timestamp",
    "brightness": "float4",
    "contrast": "float4",
    "sharpness": "float4",
    "dominant_colours": "text[]",
    "perceptual_hash": "int8",
    "recipe": "text",
    "recipe_hash": "text",
    "processor": "text",
    "processing_seconds": "float4",
    "fetch_seconds": "float4",
    "wait_seconds": "float4",
    "decode_seconds": "float4",
    "render_seconds": "float4",
    "encode_seconds": "float4",
    "describe_seconds": "float4",
    "store_seconds": "float4",
}
OUTCOME = {**KEY, **END, **FOUND}
RENDITION = {
    **KEY,
    "rendition_name": "text",
    "object_key": "text",
    "recipe_hash": "text",
    "format": "text",
    "width_px": "int4",
    "height_px": "int4",
    "size_bytes": "int8",
}

_MAX_TEXT_LENGTH = 200
_MAX_COLOURS = 5


def outcome_row(outcome: Outcome, now: datetime) -> tuple[object, ...]:
    """Returns the values of `OUTCOME`."""
    key = (outcome.claim.image_id, outcome.claim.arrived_at)
    if isinstance(outcome, Rejected):
        end = ("rejected", outcome.reason.value, outcome.quarantine_key, now)
        return (*key, *end, *(None for _ in FOUND))
    seconds, work = outcome.seconds, outcome.seconds.work
    return (
        *key,
        *("processed", None, None, now),
        *_facts(outcome.facts),
        outcome.recipe.title,
        outcome.recipe.hash,
        _text(outcome.processor),
        work.total,
        seconds.fetch,
        seconds.wait,
        work.decode,
        work.render,
        work.encode,
        work.describe,
        seconds.store,
    )


def rendition_rows(outcome: Processed) -> Iterator[tuple[object, ...]]:
    """Yields the values of `RENDITION`, one row per rendition."""
    for rendition in outcome.renditions:
        yield (
            outcome.claim.image_id,
            outcome.claim.arrived_at,
            rendition.name,
            rendition.object_key,
            outcome.recipe.hash,
            rendition.format,
            rendition.width_px,
            rendition.height_px,
            rendition.size_bytes,
        )


def _facts(facts: ImageFacts) -> tuple[object, ...]:
    return (
        _text(facts.format),
        _text(facts.mode),
        facts.width_px,
        facts.height_px,
        facts.sha256,
        facts.frames,
        facts.has_alpha,
        facts.orientation,
        _text(facts.camera_make),
        _text(facts.camera_model),
        facts.captured_at,
        facts.brightness,
        facts.contrast,
        facts.sharpness,
        list(map(_text, facts.dominant_colours[:_MAX_COLOURS])),
        facts.perceptual_hash,
    )


def _text(said: str | None) -> str | None:
    """Returns what can be printed of a text, of bounded length; None if that is nothing.

    PostgreSQL takes no NUL and UTF-8 no lone surrogate; one of them would fail the whole batch.
    """
    if said is None or (said.isprintable() and len(said) <= _MAX_TEXT_LENGTH):
        return said or None
    return "".join(filter(str.isprintable, said))[:_MAX_TEXT_LENGTH].strip() or None
