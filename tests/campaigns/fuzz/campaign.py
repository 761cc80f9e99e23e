"""A campaign: hostile files sent through the real isolated workers, and each outcome judged."""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain, islice
from random import Random

import psutil
from PIL import Image

from assets.errors import DarkroomError
from assets.processing.entry_point import ProcessorError
from assets.processing.recipe import Recipe
from assets.processing.result import ProcessedImage
from assets.processing.workers import Workers, workers
from assets.validation.headers import MAX_FRAMES, MAX_IMAGE_PIXELS
from assets.validation.reasons import Reason
from assets.validation.signatures import format_of
from tests.campaigns.fuzz import (
    foreign_files,
    jpeg,
    other_formats,
    png,
    tiff,
)
from tests.campaigns.fuzz.damage import damage_at_each_tenth, damage_at_random
from tests.campaigns.fuzz.files import CANARY, PROCESSED, HostileFile

UNEXPLAINED = "unexplained"
RECIPE = Recipe.model_validate(
    {
        "name": "fuzz",
        "version": 1,
        "renditions": [
            {"name": "medium", "steps": [{"do": "resize", "longest_side_px": 48}]},
            {"name": "thumbnail", "steps": [{"do": "resize", "longest_side_px": 16}]},
        ],
    }
)
"""As the recipe `standard`, but so small that the little files are made smaller too."""

_HANG_SECONDS = 300.0
_IN_FLIGHT_PER_WORKER = 2
_MEMORY_SHARES = 10


class HangError(DarkroomError):
    """No file was finished for so long that the workers' own limits must have failed."""


@dataclass(frozen=True)
class FileResult:
    """What came of a file.

    Attributes:
        outcome: `processed`, the reason of the rejection, or `unexplained`.
        fault: What is not as it must be; None: nothing.
        seconds: From handing it over to knowing, waiting for a free worker included.
    """

    file: HostileFile
    outcome: str
    fault: str | None
    seconds: float


@dataclass(frozen=True)
class Campaign:
    """What a campaign found.

    Attributes:
        memory_bytes: Resident size of the process that sends, at ten even steps from the start.
        raised: What the processor raised beside rejections, and how often.
    """

    results: Sequence[FileResult]
    memory_bytes: Sequence[int]
    raised: dict[str, int]
    seconds: float

    @property
    def failures(self) -> list[FileResult]:
        """What must be looked into."""
        return [one for one in self.results if one.fault]


def hostile_files(count: int, seed: int) -> list[HostileFile]:
    """Returns so many files, mixed by the seed: all that are made by hand if they are no more."""
    rng = Random(seed)  # noqa: S311 - an order, no secret
    by_hand = list(_handcrafted(seed))
    rng.shuffle(by_hand)
    files = list(islice(chain(by_hand, damage_at_random(seed)), count))
    rng.shuffle(files)
    return files


def _handcrafted(seed: int) -> Iterator[HostileFile]:
    yield from png.hostile_pngs()
    yield from tiff.hostile_tiffs()
    yield from jpeg.hostile_jpegs()
    yield from other_formats.hostile_other_formats()
    yield from foreign_files.hostile_foreign_files()
    yield from damage_at_each_tenth(seed)


def run_campaign(
    files: Sequence[HostileFile],
    processor: str,
    count: int,
    show: Callable[[FileResult], None],
) -> Campaign:
    """Sends the files through `count` workers.

    Raises:
        HangError: nothing was finished for five minutes.
    """
    started, process = time.monotonic(), psutil.Process()
    results: list[FileResult] = []
    memory: list[int] = []
    step = max(1, len(files) // _MEMORY_SHARES)
    with workers(count, processor, RECIPE) as pool:
        for verdict in _results(files, pool, count):
            results.append(verdict)
            show(verdict)
            if len(results) % step == 1 or len(results) == len(files):
                gc.collect()
                memory.append(process.memory_info().rss)
        raised = dict(pool.faults)
    return Campaign(results, memory, raised, time.monotonic() - started)


def _results(files: Sequence[HostileFile], pool: Workers, count: int) -> Iterator[FileResult]:
    """Gives results as they come, with a few files under way and the others not yet made."""
    waiting, in_flight = iter(files), set[Future[FileResult]]()
    size = _IN_FLIGHT_PER_WORKER * count
    with ThreadPoolExecutor(size) as threads:
        while True:
            for file in islice(waiting, size - len(in_flight)):
                in_flight.add(threads.submit(_send, file, pool))
            if not in_flight:
                return
            done, in_flight = wait(in_flight, _HANG_SECONDS, FIRST_COMPLETED)
            if not done:
                raise HangError(f"No file was finished for {_HANG_SECONDS:.0f} seconds.")
            yield from (one.result() for one in done)


def _send(file: HostileFile, pool: Workers) -> FileResult:
    body = file.make()
    started = time.monotonic()
    try:
        result = pool.submit(body).result()
    except ProcessorError:
        raise
    except Exception as error:  # noqa: BLE001 - to find those is what the campaign is for
        fault = f"the parent saw {type(error).__name__}: {error}"
        return FileResult(file, UNEXPLAINED, fault, time.monotonic() - started)
    seconds = time.monotonic() - started
    outcome = result.value if isinstance(result, Reason) else PROCESSED
    return FileResult(file, outcome, _fault(file, body, result), seconds)


def _fault(file: HostileFile, body: bytes, result: ProcessedImage | Reason) -> str | None:
    if isinstance(result, ProcessedImage):
        if format_of(body) is None:
            return "processed, while the upload door takes it for no image"
        if fault := _limit_fault(result) or _rendition_fault(result):
            return fault
    outcome = result.value if isinstance(result, Reason) else PROCESSED
    if file.expected and outcome not in file.expected:
        return f"{outcome}, not {' or '.join(sorted(file.expected))}"
    return None


def _limit_fault(image: ProcessedImage) -> str | None:
    facts = image.facts
    if facts.width_px * facts.height_px > MAX_IMAGE_PIXELS or facts.frames > MAX_FRAMES:
        return f"processed with {facts.width_px} by {facts.height_px} px, {facts.frames} frames"
    return None


def _rendition_fault(image: ProcessedImage) -> str | None:
    for rendition in image.renditions:
        if CANARY in rendition.body:
            return "a rendition holds what was hidden in the file"
        with Image.open(io.BytesIO(rendition.body), formats=[rendition.format]) as made:
            if made.size != (rendition.width_px, rendition.height_px):
                return "a rendition has another size than is told"
    return None
