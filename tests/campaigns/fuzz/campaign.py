"""A campaign sends hostile files through the real isolated workers and checks every outcome."""

import gc
import io
import re
import secrets
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random

import psutil
from PIL import Image
from rich.markup import escape

from assets.errors import DarkroomError
from assets.processing.contract import ProcessedImage, ProcessorError, ProcessorFailure
from assets.processing.messages import Result
from assets.processing.recipe import Recipe
from assets.processing.worker_pool import WorkerPool
from assets.validation.headers import MAX_FRAMES, MAX_IMAGE_PIXELS
from assets.validation.reasons import Reason
from assets.validation.signatures import format_of
from infra.console import console, print_table
from infra.progress import progress_bar
from infra.report import Bound, Direction, Report
from tests.campaigns.fuzz import foreign_files, jpeg, other_formats, png, tiff
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
"""Like the recipe `standard`, but so small that even these small files are shrunk."""

_HANG_SECONDS = 300.0
_IN_FLIGHT_PER_WORKER = 2
_MEMORY_SHARES = 10
_LOCAL = Path(__file__).parents[3] / ".local"
_MEBIBYTE = 1 << 20
_GROWTH_LIMIT_MIB = 64
_SLOWEST = 5
_DEATHS = ("decoder_died", "decoder_timeout")
_MAX_SHOWN = 20


class HangError(DarkroomError):
    """No file was finished for longer than the limits of the workers allow."""


@dataclass(frozen=True)
class FileResult:
    """The outcome of a file.

    Attributes:
        outcome: `processed`, the reason of the rejection, or `unexplained`.
        problem: What is wrong with the outcome; None if nothing is.
        seconds: Until the outcome was known, waiting for a free worker included.
        raised: What the processor raised, if it failed with this file.
    """

    file: HostileFile
    outcome: str
    problem: str | None
    seconds: float
    raised: str | None = None


@dataclass(frozen=True)
class Campaign:
    """The results of a campaign.

    Attributes:
        memory_bytes: Resident size of the sending process, at ten even steps from the start.
    """

    results: Sequence[FileResult]
    memory_bytes: Sequence[int]
    seconds: float

    @property
    def raised(self) -> Counter[str]:
        """What the processor raised apart from rejections, and how often."""
        return Counter(one.raised for one in self.results if one.raised)

    @property
    def failures(self) -> list[FileResult]:
        """Results that have to be investigated."""
        return [one for one in self.results if one.problem]


def run(files: int, seed: int | None, workers: int, processor: str) -> None:
    """Runs a campaign, prints its report and writes it as JSON.

    Args:
        seed: Repeats the files of an earlier campaign.
        processor: package.module:function

    Raises `BoundMissedError` when a file was neither processed nor rejected, or memory grew too
    much, and `DarkroomError` when the processor cannot be used, or a worker hangs.
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    console.print(f"[bold]Fuzz campaign[/], {files} files, --seed {seed}")
    warnings.filterwarnings("ignore", module="PIL")  # Pillow warns of broken headers
    with progress_bar() as bars:
        task = bars.add_task("files", total=files)
        campaign = run_campaign(
            hostile_files(files, seed), processor, workers, lambda _: bars.advance(task)
        )
    print_report(campaign)
    if folder := save_failures(campaign, seed):
        console.print(f"The files with an unexpected outcome are in {folder}")
    report_of(campaign, seed).finish()


def hostile_files(count: int, seed: int) -> list[HostileFile]:
    """Returns `count` files in the order of the seed, handcrafted ones before damaged samples."""
    rng = Random(seed)  # noqa: S311 - an order, no secret
    handcrafted = list(_handcrafted(seed))
    rng.shuffle(handcrafted)
    files = list(islice(chain(handcrafted, damage_at_random(seed)), count))
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
    files: Sequence[HostileFile], processor: str, count: int, show: Callable[[FileResult], None]
) -> Campaign:
    """Sends the files through `count` workers.

    Raises `HangError` when nothing was finished for five minutes.
    """
    started, process = time.monotonic(), psutil.Process()
    results: list[FileResult] = []
    memory: list[int] = []
    step = max(1, len(files) // _MEMORY_SHARES)
    with WorkerPool(count, processor, RECIPE) as pool:
        for result in _results(files, pool, count):
            results.append(result)
            show(result)
            if len(results) % step == 1 or len(results) == len(files):
                gc.collect()
                memory.append(process.memory_info().rss)
    return Campaign(results, memory, time.monotonic() - started)


def _results(files: Sequence[HostileFile], pool: WorkerPool, count: int) -> Iterator[FileResult]:
    """Yields results as they come; only a few files are in flight, the others not made yet."""
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


def _send(file: HostileFile, pool: WorkerPool) -> FileResult:
    body = file.make()
    started = time.monotonic()
    try:
        result = pool.process(body)
    except ProcessorError:
        raise
    except Exception as error:  # noqa: BLE001 - the campaign exists to find these
        problem = f"the pool raised {type(error).__name__}: {error}"
        return FileResult(file, UNEXPLAINED, problem, time.monotonic() - started)
    seconds = time.monotonic() - started
    raised = result.description if isinstance(result, ProcessorFailure) else None
    return FileResult(file, _outcome(result), _problem(file, body, result), seconds, raised)


def _outcome(result: Result) -> str:
    if isinstance(result, ProcessedImage):
        return PROCESSED
    return result.value if isinstance(result, Reason) else Reason.PROCESSOR_FAILED.value


def _problem(file: HostileFile, body: bytes, result: Result) -> str | None:
    if isinstance(result, ProcessedImage):
        if format_of(body) is None:
            return "processed, although the upload API refuses it as no image"
        if problem := _limit_problem(result) or _rendition_problem(result):
            return problem
    outcome = _outcome(result)
    if file.expected and outcome not in file.expected:
        return f"{outcome}, not {' or '.join(sorted(file.expected))}"
    return None


def _limit_problem(image: ProcessedImage) -> str | None:
    facts = image.facts
    if facts.width_px * facts.height_px > MAX_IMAGE_PIXELS or facts.frames > MAX_FRAMES:
        return f"processed with {facts.width_px} by {facts.height_px} px, {facts.frames} frames"
    return None


def _rendition_problem(image: ProcessedImage) -> str | None:
    for rendition in image.renditions:
        if CANARY in rendition.body:
            return "a rendition contains hidden data of the file"
        with Image.open(io.BytesIO(rendition.body), formats=[rendition.format]) as made:
            if made.size != (rendition.width_px, rendition.height_px):
                return "a rendition does not have the reported size"
    return None


def report_of(campaign: Campaign, seed: int) -> Report:
    """Returns a campaign's figures and bounds."""
    outcomes = Counter(one.outcome for one in campaign.results)
    memory = [size / _MEBIBYTE for size in campaign.memory_bytes]
    report, growth = Report("fuzz"), memory[-1] - memory[0]
    report.add(
        {
            "seed": seed,
            "files": len(campaign.results),
            "seconds": campaign.seconds,
            "unexplained": outcomes[UNEXPLAINED],
            "not_as_expected": len(campaign.failures),
            "parent_mib_at_start": memory[0],
            "parent_mib_at_end": memory[-1],
            "parent_mib_at_most": max(memory),
            **{f"outcome.{name}": count for name, count in sorted(outcomes.items())},
        }
    )
    report.bounds += [
        Bound("not as expected", len(campaign.failures), Direction.AT_MOST, 0, "files"),
        Bound("growth of the parent's memory", growth, Direction.AT_MOST, _GROWTH_LIMIT_MIB, "MiB"),
    ]
    return report


def save_failures(campaign: Campaign, seed: int) -> Path | None:
    """Writes every file with a problem, named by kind and name; returns the folder, if any."""
    if not campaign.failures:
        return None
    folder = _LOCAL / "fuzz" / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    for one in campaign.failures:
        name = re.sub(r"[^\w]+", "-", f"{one.file.kind} {one.file.name}").strip("-")
        (folder / name).write_bytes(one.file.make())
    return folder


def print_report(campaign: Campaign) -> None:
    """Prints outcomes by kind, the slowest files, memory and problems."""
    _print_outcomes(campaign)
    for one in sorted(campaign.results, key=lambda one: -one.seconds)[:_SLOWEST]:
        console.print(f"  slow: {one.seconds:5.1f} s  {escape(one.file.name)} ({one.outcome})")
    for one in campaign.results:
        if one.outcome in _DEATHS:
            console.print(f"  cost a worker: {escape(one.file.name)} ({one.outcome})")
    for what, times in sorted(campaign.raised.items()):
        console.print(f"  the processor raised: {escape(what)}, {times} times")
    sizes = " ".join(f"{size / _MEBIBYTE:.0f}" for size in campaign.memory_bytes)
    console.print(f"  memory of the sending process, start to end, MiB: [bold]{sizes}[/]")
    for one in campaign.failures[:_MAX_SHOWN]:
        console.print(f"[red]•[/] {escape(one.file.kind)}: {escape(one.file.name)}: {one.problem}")
    if len(campaign.failures) > _MAX_SHOWN:
        console.print(f"[red]•[/] … and {len(campaign.failures) - _MAX_SHOWN} more")


def _print_outcomes(campaign: Campaign) -> None:
    by_kind: dict[str, Counter[str]] = {}
    for one in campaign.results:
        by_kind.setdefault(one.file.kind, Counter())[one.outcome] += 1
    total = Counter(one.outcome for one in campaign.results)
    rows = []
    for kind, outcomes in [*sorted(by_kind.items()), ("all", total)]:
        reasons = [(name, count) for name, count in outcomes.most_common() if name != PROCESSED]
        rows.append(
            {
                "kind": kind,
                "files": outcomes.total(),
                "processed": outcomes[PROCESSED],
                "rejected": sum(count for _, count in reasons),
                "by reason": ", ".join(f"{name} {count}" for name, count in reasons),
            }
        )
    print_table(rows, title="Hostile files")
