"""The job that erases images before their time, asked for by a person who says which."""

import dagster as dg
from pydantic import Field

from assets.ingestion.registry import source_names
from assets.platform import Platform
from assets.retention.erasure import Erasure, choose
from assets.retention.ledger_rows import ErasureSelectionError
from assets.retention.receipts import Copy
from assets.timing import utc_now
from orchestration.jobs import ALONE


class EraseConfig(dg.Config):
    """Which images: those that all of it describes; at least one line is needed."""

    image_ids: list[str] = Field([], description="Their ids; left out: all that the rest says.")
    source: str | None = Field(None, description=f"Their source: {', '.join(source_names())}.")
    uploader: str | None = Field(None, description="Who sent them.")


@dg.op(description="Delete all copies of chosen images at once, and leave a receipt.")
def erase_chosen(
    context: dg.OpExecutionContext, config: EraseConfig, platform: dg.ResourceParam[Platform]
) -> None:
    """Reports counts only. Images that are gone already are no error: an erasure can be repeated.

    Raises `dagster.Failure` with a sentence when nothing can be meant by the configuration.
    """
    try:
        chosen = choose(config.image_ids, config.source, config.uploader)
    except ErasureSelectionError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    gone = Erasure(platform).run(chosen, utc_now())
    context.add_output_metadata(
        {"images": gone.items(Copy.LEDGER_ROW)}
        | {f"{one.copy}s": one.items for one in gone.gone if one.copy is not Copy.LEDGER_ROW}
    )


@dg.job(
    description="Erase images by id, source or uploader; Dagster forgets a run that succeeded.",
    tags={ALONE: "erase_images", "dagster/max_runtime": str(2 * 3600)},
    executor_def=dg.in_process_executor,
)
def erase_images() -> None:
    """Erases chosen images."""
    erase_chosen()
