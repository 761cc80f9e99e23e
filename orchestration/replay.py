"""The job that lands a range of messages again, started by a person."""

import dagster as dg
from pydantic import Field

from assets.ingestion.kafka.replay import Replay
from assets.ingestion.kafka.replay_range import ReplayRange, ReplayRangeError, read_moment
from assets.job_families import FAMILY, JobFamily
from assets.platform import Platform
from orchestration.jobs import ALONE


class ReplayConfig(dg.Config):
    """Which messages: offsets of one partition, or times; an end that is not given is open."""

    topic: str | None = Field(None, description="The topic; by default the one that is landed.")
    partition: int | None = Field(None, description="Its partition; with times, by default all.")
    first_offset: int | None = Field(None, description="The first offset.")
    last_offset: int | None = Field(None, description="The last offset, included.")
    from_time: str | None = Field(
        None, description="The earliest time, such as 2026-01-31T12:00:00Z."
    )
    to_time: str | None = Field(None, description="Before this time.")


@dg.op(description="Store and register the messages of a range that the ledger lacks.")
def replay_range(
    context: dg.OpExecutionContext, config: ReplayConfig, platform: dg.ResourceParam[Platform]
) -> None:
    """Moves no offsets and leaves known images alone.

    Raises `dagster.Failure` with a sentence when there is no such range.
    """
    try:
        wanted = ReplayRange(
            topic=config.topic,
            partition=config.partition,
            first_offset=config.first_offset,
            last_offset=config.last_offset,
            from_time=read_moment("from_time", config.from_time),
            to_time=read_moment("to_time", config.to_time),
        )
        replayed = Replay(platform).run(wanted)
    except ReplayRangeError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    context.add_output_metadata(
        {
            "messages": replayed.messages,
            "new_images": replayed.new_images,
            "known_already": replayed.known,
            "rejected_on_arrival": replayed.rejected,
            "too_old": replayed.too_old,
            "offsets_without_a_message": replayed.empty,
        }
    )


@dg.job(
    description="Land a range of messages again, without duplicates.",
    tags={
        ALONE: "replay_messages",
        FAMILY: JobFamily.INGESTION.value,
        "dagster/max_runtime": str(6 * 3600),
    },
)
def replay_messages() -> None:
    """Replays a range of messages."""
    replay_range()
