"""What a worker process answers is validated like input from anybody."""

import io
import json
import pickle
from pathlib import Path

import pytest

from assets.processing.messages import Ready, ViolationError, read_answer
from assets.processing.recipe import read_recipe

LENGTH = 8
PICKLE = pickle.dumps(Path("/"))


def header(**content: object) -> bytes:
    text = json.dumps(content).encode()
    return len(text).to_bytes(LENGTH) + text


PROCESSED = {
    "kind": "processed",
    "facts": {
        "format": "PNG",
        "mode": "RGB",
        "width_px": 1,
        "height_px": 1,
        "sha256": "A" * 43 + "=",
    },
    "processor": "mine",
    "seconds": {},
}


def rendition(name: str, size_bytes: int) -> dict[str, object]:
    size = {"width_px": 1, "height_px": 1, "size_bytes": size_bytes}
    return {"name": name, "format": "JPEG", **size}


VIOLATIONS = {
    "a pickle": PICKLE,
    "a pickle as a header": len(PICKLE).to_bytes(LENGTH) + PICKLE,
    "an endless header": b"\xff" * LENGTH,
    "a large header": (1 << 20).to_bytes(LENGTH) + bytes(1 << 20),
    "an empty header": bytes(LENGTH),
    "a header of another kind": header(kind="trusted"),
    "readiness": header(kind="ready", layers=[]),
    "a reason that there is not": header(kind="rejected", reason="I said so"),
    "a failure with the text of an image": header(kind="failed", description="a\nb: {'c': 1}"),
    "a result with a value more": header(**PROCESSED, renditions=[], grants="all"),
    "no rendition": header(**PROCESSED, renditions=[]),
    "endless renditions": header(
        **PROCESSED, renditions=[rendition("medium", 1 << 40), rendition("thumbnail", 1)]
    ),
    "a negative rendition": header(
        **PROCESSED, renditions=[rendition("medium", -1), rendition("thumbnail", 1)]
    ),
    "other renditions": header(
        **PROCESSED, renditions=[rendition("../medium", 1), rendition("thumbnail", 1)]
    )
    + b"ab",
}


@pytest.mark.parametrize("name", [name for name in VIOLATIONS if name != "readiness"])
def test_an_answer_of_any_other_form_is_a_violation(name: str) -> None:
    with pytest.raises(ViolationError):
        read_answer(io.BytesIO(VIOLATIONS[name]).read, read_recipe("standard"))


def test_a_worker_that_has_started_answers_that_it_is_ready() -> None:
    answer = read_answer(io.BytesIO(VIOLATIONS["readiness"]).read, read_recipe("standard"))
    assert answer == Ready(layers=())
