"""The asset check of the landing: its name is a sentence that is true when it is green."""

import dagster as dg

from assets.ingestion.kafka import gaps
from assets.ingestion.kafka.source import LANDED_IMAGES
from assets.platform import Platform

_MAX_GAPS_SHOWN = 100


@dg.asset_check(asset=dg.AssetKey(LANDED_IMAGES))
def no_offset_gap_is_unexplained(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """Every range of messages that was gone before it could be landed has an explanation."""
    with platform.warehouse.connect() as connection:
        found = gaps.read_gaps(connection)
    unexplained = [one for one in found if one.explanation is None]
    missing = gaps.count_missing(unexplained)
    return dg.AssetCheckResult(
        passed=not unexplained,
        description=(
            f"{missing} messages were gone before they could be landed, in {len(unexplained)} "
            "ranges of offsets that nobody has explained: `darkroom topic gaps` lists them, "
            "`darkroom topic explain-gap` records what happened."
            if unexplained
            else f"No message is missing without an explanation; {len(found)} gaps have one."
        ),
        metadata={
            "missing_messages": missing,
            "unexplained_gaps": len(unexplained),
            "explained_gaps": len(found) - len(unexplained),
            "gaps": dg.MetadataValue.md(
                gaps.as_table(unexplained[:_MAX_GAPS_SHOWN]).to_markdown(index=False)
            ),
        },
    )
