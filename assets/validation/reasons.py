"""Why an image is rejected: the codes, and the error that carries one."""

from enum import StrEnum


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
    GAVE_UP = "gave_up"


class RejectedImageError(Exception):
    """The bytes are not an image that the platform processes, for a reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
