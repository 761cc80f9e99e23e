"""The limits at upload and at processing are the same, to the pixel, frame and byte."""

import pytest

from assets.processing.contract import ProcessedImage
from assets.processing.recipe import read_recipe
from assets.validation.headers import (
    MAX_FRAMES,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    reject_header,
    reject_size,
)
from assets.validation.reasons import Reason
from tests.campaigns.fuzz import other_formats, png
from tests.unit.pictures import encoded, four_corners, outcome

STANDARD = read_recipe("standard")
VALID_IMAGE = encoded(four_corners(), "PNG")


def at_upload(body: bytes) -> Reason | None:
    return reject_size(len(body)) or reject_header(body)


AT_THE_LIMIT = {
    "6000 by 6000 pixels": png.png(6000, 6000, 6001 * 6000, colour=0),
    "one pixel high": png.png(MAX_IMAGE_PIXELS, 1, MAX_IMAGE_PIXELS + 1, colour=0),
    "500 frames": other_formats.gif(1, 1, other_formats.gif_frame() * MAX_FRAMES),
    "10 MiB": VALID_IMAGE.ljust(MAX_IMAGE_BYTES, b"\0"),
}
BEYOND_THE_LIMIT = {
    "a row of pixels": png.png(6000, 6001, 1000, colour=0),
    "a pixel": png.png(MAX_IMAGE_PIXELS + 1, 1, 1000, colour=0),
    "a frame": other_formats.gif(1, 1, other_formats.gif_frame() * (MAX_FRAMES + 1)),
    "a byte": VALID_IMAGE.ljust(MAX_IMAGE_BYTES + 1, b"\0"),
    "all bytes": b"",
}


@pytest.mark.parametrize("body", AT_THE_LIMIT.values(), ids=AT_THE_LIMIT)
def test_what_is_at_a_limit_passes_the_door_and_is_processed(body: bytes) -> None:
    assert at_upload(body) is None
    assert isinstance(outcome(body), ProcessedImage)


@pytest.mark.parametrize("body", BEYOND_THE_LIMIT.values(), ids=BEYOND_THE_LIMIT)
def test_what_is_beyond_a_limit_is_refused_at_the_door_as_at_processing(body: bytes) -> None:
    assert at_upload(body) is not None
    assert at_upload(body) is outcome(body)
