"""Its asset."""

import dagster as dg

from tests.unit.sftp.source import FETCHED_FILES


@dg.asset(key=FETCHED_FILES, group_name="images", owners=["team:data-engineering"], kinds={"s3"})
def fetched_files() -> None:
    """One object per file on the SFTP server."""
