"""Which processor is used: the platform's own, or a function that the company has already."""

from __future__ import annotations

import pkgutil

from assets.errors import DarkroomError
from assets.processing.result import Processor


class ProcessorError(DarkroomError):
    """IMAGE_PROCESSOR names nothing that can process images."""


def find_processor(name: str) -> Processor:
    """Returns the function that `package.module:function` names.

    Raises:
        ProcessorError: there is none; the message says what was looked for.
    """
    try:
        found = pkgutil.resolve_name(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise ProcessorError(
            f"IMAGE_PROCESSOR={name} cannot be loaded: {error}. "
            "It is written package.module:function, and the package is installed."
        ) from error
    if not callable(found) or ":" not in name:
        raise ProcessorError(
            f"IMAGE_PROCESSOR={name} is no function: write package.module:function."
        )
    return found  # type: ignore[no-any-return]
