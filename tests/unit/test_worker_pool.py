"""Worker processes: a decoder that dies, swells or hangs costs one image, and the pool goes on."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from assets.processing.contract import (
    ProcessedImage,
    ProcessorError,
    ProcessorFailure,
    self_test_image,
)
from assets.processing.messages import Limits, Result
from assets.processing.recipe import read_recipe
from assets.processing.worker_pool import WorkerPool
from assets.validation.reasons import Reason
from tests.unit.hostile_processors import EVIL
from tests.unit.pictures import encoded, four_corners
from tests.unit.test_worker_messages import PROCESSED, VIOLATIONS, header, rendition
from tests.waiting import wait_until

VALID_IMAGE = encoded(four_corners(), "PNG")
STANDARD = read_recipe("standard")
PILLOW_PROCESSOR = "assets.processing.processor:process"
GIBIBYTE = 1024**3
SECRET = "hunter2"
SHORT = Limits(cpu_seconds=1, wall_seconds=3)
MEBIBYTE = 1024**2


def hostile(
    name: str, limits: Limits | None = None, count: int = 1
) -> AbstractContextManager[WorkerPool]:
    return WorkerPool(count, f"tests.unit.hostile_processors:{name}", STANDARD, limits)


@pytest.fixture(scope="module")
def one_worker() -> Iterator[WorkerPool]:
    with WorkerPool(1, PILLOW_PROCESSOR, STANDARD) as pool:
        yield pool


@pytest.fixture(scope="module")
def telling_worker() -> Iterator[WorkerPool]:
    os.environ["DARKROOM_TEST_SECRET"] = SECRET
    with hostile("telling") as pool:
        yield pool
    del os.environ["DARKROOM_TEST_SECRET"]


def results_of(pool: WorkerPool, bodies: Sequence[bytes]) -> list[Result]:
    """Processes images at the same time, each in a thread of its own."""
    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(pool.process, bodies))


def told(pool: WorkerPool, expression: str) -> str | None:
    result = pool.process(EVIL + expression.encode())
    assert isinstance(result, ProcessedImage)
    return result.facts.camera_make


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_an_image_comes_back_processed(one_worker: WorkerPool) -> None:
    result = one_worker.process(VALID_IMAGE)
    assert isinstance(result, ProcessedImage)
    assert (result.facts.width_px, result.facts.height_px) == (48, 32)


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", Reason.EMPTY), (b"no image", Reason.NOT_AN_IMAGE), (VALID_IMAGE[:60], Reason.TRUNCATED)],
)
def test_a_rejection_comes_back_as_its_reason(
    one_worker: WorkerPool, body: bytes, reason: Reason
) -> None:
    assert one_worker.process(body) is reason


def test_an_image_that_its_decoder_cannot_explain_is_rejected_too(one_worker: WorkerPool) -> None:
    """Without its picture data, libavif's error is none that Pillow's other decoders raise."""
    avif = bytearray(encoded(four_corners(), "AVIF"))
    start = avif.index(b"mdat") + 4
    avif[start:] = bytes(len(avif) - start)
    assert isinstance(one_worker.process(bytes(avif)), Reason)


@pytest.mark.parametrize("name", ["deadly", "crashing", "swelling", "unsendable"])
def test_an_image_that_takes_its_worker_down_is_rejected_and_its_neighbours_are_processed(
    name: str,
) -> None:
    with hostile(name, count=2) as pool:
        results = results_of(pool, [VALID_IMAGE, EVIL, VALID_IMAGE, VALID_IMAGE])
    lost = results.pop(1)
    if name == "unsendable":
        assert isinstance(lost, ProcessorFailure)
    else:
        assert lost is Reason.DECODER_DIED
    assert all(isinstance(result, ProcessedImage) for result in results)


@pytest.mark.parametrize("name", ["hanging", "spinning"])
def test_an_image_that_takes_too_long_is_rejected_and_its_neighbours_are_processed(
    name: str,
) -> None:
    with hostile(name, SHORT) as pool:
        before, late, after = results_of(pool, [VALID_IMAGE, EVIL, VALID_IMAGE])
    assert late is Reason.DECODER_TIMEOUT
    assert isinstance(before, ProcessedImage)
    assert isinstance(after, ProcessedImage)


def test_a_worker_spinning_is_ended_by_the_kernel_when_its_processor_time_is_used_up() -> None:
    with hostile("spinning", Limits(cpu_seconds=1, wall_seconds=600)) as pool:
        assert pool.process(EVIL) is Reason.DECODER_TIMEOUT


def test_processor_time_is_counted_for_each_image_alone(telling_worker: WorkerPool) -> None:
    limit = "resource.getrlimit(resource.RLIMIT_CPU)[0]"
    first = int(told(telling_worker, limit) or 0)
    enough = float(told(telling_worker, "time.process_time()") or 0) + 1.5
    while float(told(telling_worker, "time.process_time()") or 0) < enough:
        told(telling_worker, "sum(range(10_000_000))")
    assert int(told(telling_worker, limit) or 0) > first


def test_an_image_whose_worker_died_by_chance_is_tried_again() -> None:
    with hostile("deadly_later") as pool:
        pool.process(VALID_IMAGE)
        assert isinstance(pool.process(EVIL), ProcessedImage)


def test_a_worker_killed_from_outside_while_idle_is_replaced(telling_worker: WorkerPool) -> None:
    pid = int(told(telling_worker, "os.getpid()") or 0)
    psutil.Process(pid).kill()
    assert told(telling_worker, "'here'") == "here"


def test_hostile_images_leave_the_parents_memory_where_it_was() -> None:
    me = psutil.Process()
    with hostile("swelling", count=2) as pool:
        assert pool.process(EVIL) is Reason.DECODER_DIED
        before = me.memory_info().rss
        *evil, valid = results_of(pool, [EVIL] * 12 + [VALID_IMAGE])
        assert set(evil) == {Reason.DECODER_DIED}
        assert isinstance(valid, ProcessedImage)
    assert me.memory_info().rss - before < 12 * 300_000


def test_what_a_processor_raises_costs_the_image_and_is_noted_without_its_words() -> None:
    with hostile("failing") as pool:
        failure = pool.process(EVIL)
        assert isinstance(pool.process(VALID_IMAGE), ProcessedImage)
    assert isinstance(failure, ProcessorFailure)
    assert failure.description.startswith("AttributeError in _fail, line ")
    assert "secret" not in failure.description


@pytest.mark.parametrize(
    ("name", "error"), [("nonsense", "BrokenContractError"), ("leaving", "SystemExit")]
)
def test_what_is_no_result_costs_the_image(name: str, error: str) -> None:
    with hostile(name) as pool:
        failure = pool.process(EVIL)
        assert isinstance(pool.process(VALID_IMAGE), ProcessedImage)
    assert isinstance(failure, ProcessorFailure)
    assert failure.description.split()[0] == error


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tests.unit.hostile_processors:broken", "AttributeError in broken"),
        ("tests.unit.hostile_processors:always_deadly", "takes its process down"),
        ("tests.unit.hostile_processors:not_there", "cannot be loaded"),
        ("tests.unit.not_there:process", "cannot be loaded"),
        ("tests.unit.hostile_processors", "is not a function"),
    ],
)
def test_a_processor_that_can_process_nothing_is_found_out_before_any_image(
    name: str, words: str
) -> None:
    with pytest.raises(ProcessorError, match=words), WorkerPool(1, name, STANDARD):
        pytest.fail("the workers opened")


def test_a_processor_that_breaks_for_good_is_not_the_images_fault() -> None:
    with hostile("broken_later") as pool:
        assert isinstance(pool.process(VALID_IMAGE), ProcessedImage)
        with pytest.raises(ProcessorError, match="its licence has ended"):
            pool.process(EVIL)


def test_bytes_that_run_code_when_they_are_unpickled_are_only_bytes() -> None:
    with hostile("coding") as pool:
        made = pool.process(EVIL)
        assert isinstance(made, ProcessedImage)
        assert made == replace(pool.process(self_test_image()), seconds=made.seconds)
    assert {type(one.body) for one in made.renditions} == {bytes}


@pytest.mark.parametrize("name", ["a pickle", "readiness", "other renditions"])
def test_an_image_whose_worker_answers_with_anything_else_is_rejected(name: str) -> None:
    with hostile("scribbling") as pool:
        assert pool.process(EVIL + VIOLATIONS[name]) is Reason.DECODER_DIED


def test_an_announced_rendition_that_does_not_come_costs_the_image_its_time() -> None:
    announced = [rendition("medium", 1 << 28), rendition("thumbnail", 1)]
    before = psutil.Process().memory_info().rss
    with hostile("scribbling", SHORT) as pool:
        body = EVIL + header(**PROCESSED, renditions=announced)
        assert pool.process(body) is Reason.DECODER_TIMEOUT
        assert psutil.Process().memory_info().rss - before < 16 * MEBIBYTE


def test_a_worker_that_closes_its_channel_costs_its_image() -> None:
    with hostile("closing") as pool:
        assert pool.process(EVIL) is Reason.DECODER_DIED


@pytest.mark.parametrize("name", ["starting", "forking"])
def test_a_processor_that_starts_a_process_costs_its_image(name: str) -> None:
    with hostile(name) as pool:
        failure = pool.process(EVIL)
        assert isinstance(pool.process(VALID_IMAGE), ProcessedImage)
    assert isinstance(failure, ProcessorFailure)
    assert failure.description.startswith("PermissionError")


def test_an_image_is_not_corrupt_because_something_was_imported_too_late() -> None:
    with hostile("importing") as pool:
        assert pool.process(EVIL) == ProcessorFailure("late import of antigravity")
        assert pool.process(b"no image") is Reason.NOT_AN_IMAGE


def test_what_a_processor_prints_reaches_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    with hostile("printing") as pool:
        assert isinstance(pool.process(EVIL), ProcessedImage)
    assert capfd.readouterr() == ("", "")


def test_a_processor_writes_no_file(tmp_path: Path) -> None:
    with hostile("writing") as pool:
        result = pool.process(EVIL + bytes(tmp_path / "written"))
    assert isinstance(result, ProcessorFailure)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_is_another_process(telling_worker: WorkerPool) -> None:
    assert told(telling_worker, "os.getpid()") != str(os.getpid())


def test_a_worker_holds_no_variable_but_those_that_keep_libraries_to_one_thread(
    telling_worker: WorkerPool,
) -> None:
    """Python adds LC_CTYPE by itself, where no variable names a locale: PEP 538."""
    names = told(telling_worker, "sorted(os.environ.keys() - {'LC_CTYPE'})")
    wanted = ["MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VIPS_CONCURRENCY"]
    assert names == str(wanted)


def test_what_the_kernel_shows_of_a_workers_variables_holds_none_of_ours(
    telling_worker: WorkerPool,
) -> None:
    pid = int(told(telling_worker, "os.getpid()") or 0)
    with suppress(psutil.AccessDenied):  # a worker of another user than root shows nothing
        assert "DARKROOM_TEST_SECRET" not in psutil.Process(pid).environ()


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("AS", (2 * GIBIBYTE, 2 * GIBIBYTE)),
        ("CORE", (0, 0)),
        ("FSIZE", (0, 0)),
        ("NOFILE", (128, 128)),
    ],
)
def test_a_worker_has_limits_that_it_cannot_raise(
    telling_worker: WorkerPool, limit: str, value: tuple[int, int]
) -> None:
    assert told(telling_worker, f"resource.getrlimit(resource.RLIMIT_{limit})") == str(value)


def test_all_workers_end_with_the_block_even_if_one_is_at_work() -> None:
    with ThreadPoolExecutor(1) as threads:
        with hostile("telling") as pool:
            worker = psutil.Process(int(told(pool, "os.getpid()") or 0))
            before = worker.cpu_times().user
            spinning = threads.submit(pool.process, EVIL + b"sum(range(10**12))")
            while worker.cpu_times().user < before + 0.1:
                time.sleep(0.02)
        assert isinstance(spinning.exception(), CancelledError)
    assert not worker.is_running()


def test_a_retry_alone_ends_with_the_block_too() -> None:
    me = psutil.Process()
    with ThreadPoolExecutor(1) as threads:
        with hostile("hanging", Limits(wall_seconds=6)) as pool:
            before = set(me.children())
            hanging = threads.submit(pool.process, EVIL)
            while len(children := set(me.children()) - before) < 2:
                time.sleep(0.02)
        assert isinstance(hanging.exception(), CancelledError)
    wait_until(lambda: not any(map(is_alive, children)), "the workers to end")
