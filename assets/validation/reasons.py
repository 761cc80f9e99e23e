"""Why an image is rejected: the codes, the error that carries one, and what people read.

The texts are a variable of the dbt project, so that `analytics.view_image_rejections` and the
upload API show the same ones, and a reader of the view locks no table that a build must write.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from assets.yaml_files import read_yaml

_DBT_PROJECT = Path(__file__).parents[2] / "dbt_project" / "dbt_project.yml"


class Reason(StrEnum):
    """Why an image is rejected; `rejection_texts` explains each code to people."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    FORMAT_NOT_ALLOWED = "format_not_allowed"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    DECODER_TIMEOUT = "decoder_timeout"
    DECODER_DIED = "decoder_died"
    PROCESSOR_FAILED = "processor_failed"
    OBJECT_MISSING = "object_missing"
    OBJECT_UNREADABLE = "object_unreadable"
    MESSAGE_UNREADABLE = "message_unreadable"
    GAVE_UP = "gave_up"


class RejectedImageError(Exception):
    """The bytes are not an image that the platform processes, for a reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class _Variables(BaseModel):
    rejection_reasons: list[tuple[Reason, str, str]]


class _Project(BaseModel):
    vars: _Variables


@cache
def rejection_texts() -> Mapping[Reason, str]:
    """Returns explanation and advice for each rejection reason, as one text.

    Raises `pydantic.ValidationError` when the project names an unknown reason.
    """
    entries = _Project.model_validate(read_yaml(_DBT_PROJECT)).vars.rejection_reasons
    return {reason: f"{explanation} {advice}" for reason, explanation, advice in entries}
