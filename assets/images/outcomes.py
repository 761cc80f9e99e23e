"""Outcomes: what came of the images that a run had claimed, a batch at once, by binary COPY.

Like all of the ledger's functions these take an open connection and never commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from assets.images.records import Outcome, Processed, Rejected
from assets.resources.warehouse import Connection

_KEY = {"image_id": "uuid", "arrived_at": "timestamptz"}
_END = {
    "state": "text",
    "reason_code": "text",
    "quarantine_key": "text",
    "finished_at": "timestamptz",
}
_FOUND = {
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
_OUTCOME = {**_KEY, **_END, **_FOUND}
_RENDITION = {
    **_KEY,
    "rendition_name": "text",
    "object_key": "text",
    "recipe_hash": "text",
    "format": "text",
    "width_px": "int4",
    "height_px": "int4",
    "size_bytes": "int8",
}
# What a door or an earlier outcome has found out stays where this one has found out nothing.
_KEPT = {"quarantine_key", "sha256"}


def write(connection: Connection, run_id: str, outcomes: Sequence[Outcome], now: datetime) -> int:
    """Writes outcomes, of images that the run still holds only.

    Renditions that were there and are no longer named go to `replaced_object`, to be deleted when
    this is committed.

    Returns:
        How many images were finished; those taken over by another run are not among them.
    """
    if not outcomes:
        return 0
    _copy(connection, "outcome", _OUTCOME, (_outcome_row(outcome, now) for outcome in outcomes))
    changes = ", ".join(map(_assignment, [*_END, *_FOUND]))
    finished = connection.execute(
        f"""
        update image_catalog.image
        set {changes}, claimed_by = null, lease_until = null, claim_count = 0
        from outcome
        where image.image_id = outcome.image_id
          and image.arrived_at = outcome.arrived_at
          and image.state <> 'rejected'
          and image.claimed_by = %(run_id)s
        returning image.image_id
        """,  # noqa: S608 - names are this module's own
        {"run_id": run_id},
    )
    held = {row[0] for row in finished}
    _replace_renditions(connection, [done for done in outcomes if done.claim.image_id in held])
    connection.execute("drop table outcome")
    return len(held)


def _assignment(column: str) -> str:
    kept = f"coalesce(outcome.{column}, image.{column})"
    return f"{column} = {kept if column in _KEPT else f'outcome.{column}'}"


def _replace_renditions(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    rows = [row for one in outcomes if isinstance(one, Processed) for row in _rendition_rows(one)]
    _copy(connection, "made", _RENDITION, rows)
    connection.execute(
        """
        with gone as (
            delete from image_catalog.rendition
            using unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) as done (image_id, arrived_at)
            where rendition.image_id = done.image_id
              and rendition.arrived_at = done.arrived_at
              and not exists (
                  select from made
                  where made.image_id = rendition.image_id
                    and made.object_key = rendition.object_key
              )
            returning rendition.object_key, rendition.image_id, rendition.recipe_hash
        )
        insert into image_catalog.replaced_object (object_key, image_id, recipe_hash)
        select object_key, image_id, recipe_hash from gone
        on conflict (object_key) do nothing
        """,
        {
            "ids": [one.claim.image_id for one in outcomes],
            "times": [one.claim.arrived_at for one in outcomes],
        },
    )
    columns = ", ".join(_RENDITION)
    connection.execute(
        f"""
        insert into image_catalog.rendition ({columns})
        select {columns} from made
        on conflict (image_id, arrived_at, rendition_name) do update
        set
            object_key = excluded.object_key,
            recipe_hash = excluded.recipe_hash,
            format = excluded.format,
            width_px = excluded.width_px,
            height_px = excluded.height_px,
            size_bytes = excluded.size_bytes,
            created_at = clock_timestamp()
        """  # noqa: S608 - names are this module's own
    )
    connection.execute("drop table made")


def _copy(
    connection: Connection, table: str, columns: dict[str, str], rows: Iterable[tuple[object, ...]]
) -> None:
    """Copies rows into a new temporary table; names and types are this module's own."""
    described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f"create temporary table {table} ({described}) on commit drop")
    with connection.cursor().copy(f"copy {table} from stdin (format binary)") as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)


def _outcome_row(outcome: Outcome, now: datetime) -> tuple[object, ...]:
    key = (outcome.claim.image_id, outcome.claim.arrived_at)
    if isinstance(outcome, Rejected):
        end = ("rejected", outcome.reason.value, outcome.quarantine_key, now)
        return (*key, *end, *(None for _ in _FOUND))
    facts, seconds, work = outcome.facts, outcome.seconds, outcome.seconds.work
    return (
        *key,
        *("processed", None, None, now),
        facts.format,
        facts.mode,
        facts.width_px,
        facts.height_px,
        facts.sha256,
        facts.frames,
        facts.has_alpha,
        facts.orientation,
        facts.camera_make,
        facts.camera_model,
        facts.captured_at,
        facts.brightness,
        facts.contrast,
        facts.sharpness,
        list(facts.dominant_colours),
        facts.perceptual_hash,
        outcome.recipe.title,
        outcome.recipe.hash,
        outcome.processor,
        work.total,
        seconds.fetch,
        seconds.wait,
        work.decode,
        work.render,
        work.encode,
        work.describe,
        seconds.store,
    )


def _rendition_rows(outcome: Processed) -> Iterable[tuple[object, ...]]:
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
