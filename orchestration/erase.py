"""The job that carries out requested erasures."""

import dagster as dg
from pydantic import Field

from assets.job_families import FAMILY, JobFamily
from assets.platform import Platform
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureRequestError
from assets.retention.receipts import Copy
from assets.timing import utc_now
from orchestration.jobs import ALONE


class EraseConfig(dg.Config):
    """Which request; it says which images, so that no record of Dagster names one."""

    request: int = Field(
        description="The number that `darkroom images erase` or the upload API returned."
    )


@dg.op(description="Delete all copies of requested images at once, and leave a receipt.")
def erase_requested(
    context: dg.OpExecutionContext, config: EraseConfig, platform: dg.ResourceParam[Platform]
) -> None:
    """Reports counts only. A completed request is not an error: an erasure can be repeated.

    Raises `dagster.Failure` with a sentence when no request has that number.
    """
    try:
        gone = Erasure(platform).run(config.request, utc_now())
    except ErasureRequestError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    context.add_output_metadata(
        {"images": gone.items(Copy.LEDGER_ROW)}
        | {f"{one.copy}s": one.items for one in gone.gone if one.copy is not Copy.LEDGER_ROW}
    )


@dg.job(
    description="Erase the images of a request, and of all older requests that are open.",
    tags={
        ALONE: "erase_images",
        FAMILY: JobFamily.RETENTION.value,
        "dagster/max_runtime": str(2 * 3600),
    },
)
def erase_images() -> None:
    """Erases requested images."""
    erase_requested()
