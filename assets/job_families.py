"""Families of jobs: the runs of a family hold the same secrets, and no others."""

from enum import StrEnum
from typing import Final


class JobFamily(StrEnum):
    """What the runs of a job need, and therefore what each of them holds."""

    ACCESS = "access"
    INGESTION = "ingestion"
    PROCESSING = "processing"
    RETENTION = "retention"
    VIEWS = "views"


FAMILY: Final = "darkroom/family"
"""Tag of every job; the run launcher starts its runs with the environment of the family."""
