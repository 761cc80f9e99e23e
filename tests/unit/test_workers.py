"""Worker processes: a decoder that dies, swells or hangs costs one image, and the pool goes on."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest

from assets.images.processing.processor import ProcessedImage
from assets.images.processing.recipe import STANDARD
from assets.images.processing.workers import Workers, workers
from assets.images.validation import Reason
from tests.unit.hostile_recipes import DeadlyRecipe, SwellingRecipe
from tests.unit.pictures import encoded, four_corners

SOUND = encoded(four_corners(), "PNG")
GIBIBYTE = 1024**3


@pytest.fixture(scope="module")
def one_worker() -> Iterator[Workers]:
    os.environ["DARKROOM_TEST_SECRET"] = "hunter2"
    with workers(1, STANDARD) as pool:
        yield pool
    del os.environ["DARKROOM_TEST_SECRET"]


def result_of(pool: Workers, body: bytes) -> ProcessedImage | Reason:
    return pool.result(pool.submit(body), body)


def hostile(pool: Workers, recipe: type[DeadlyRecipe] | type[SwellingRecipe]) -> Workers:
    return Workers(pool.pool, recipe(STANDARD.renditions, STANDARD.quality))


def test_an_image_comes_back_processed(one_worker: Workers) -> None:
    result = result_of(one_worker, SOUND)
    assert isinstance(result, ProcessedImage)
    assert (result.width_px, result.height_px) == (48, 32)


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", Reason.EMPTY), (b"no image", Reason.NOT_AN_IMAGE), (SOUND[:60], Reason.TRUNCATED)],
)
def test_a_rejection_comes_back_as_its_reason(
    one_worker: Workers, body: bytes, reason: Reason
) -> None:
    assert result_of(one_worker, body) is reason


def test_an_image_that_its_decoder_cannot_explain_is_rejected_too(one_worker: Workers) -> None:
    """Without its picture data, libavif's error is none that Pillow's other decoders raise."""
    avif = bytearray(encoded(four_corners(), "AVIF"))
    start = avif.index(b"mdat") + 4
    avif[start:] = bytes(len(avif) - start)
    assert isinstance(result_of(one_worker, bytes(avif)), Reason)


def test_an_image_that_kills_its_worker_twice_is_rejected(one_worker: Workers) -> None:
    assert result_of(hostile(one_worker, DeadlyRecipe), SOUND) is Reason.DECODER_DIED


def test_an_image_that_swells_beyond_the_limit_is_rejected(one_worker: Workers) -> None:
    assert result_of(hostile(one_worker, SwellingRecipe), SOUND) is Reason.DECODER_DIED


def test_an_image_whose_worker_died_once_is_tried_again(one_worker: Workers) -> None:
    died = one_worker.pool.schedule(os._exit, args=[1])
    assert isinstance(one_worker.result(died, SOUND), ProcessedImage)


def test_an_image_that_takes_too_long_is_rejected(one_worker: Workers) -> None:
    hangs = one_worker.pool.schedule(time.sleep, args=[60], timeout=0.1)
    assert one_worker.result(hangs, SOUND) is Reason.DECODER_TIMEOUT


def test_a_deadly_images_neighbours_are_processed(one_worker: Workers) -> None:
    before = one_worker.submit(SOUND)
    deadly = hostile(one_worker, DeadlyRecipe).submit(SOUND)
    after = one_worker.submit(SOUND)
    deadly.exception()
    neighbours = [one_worker.result(future, SOUND) for future in (before, after)]
    assert all(isinstance(neighbour, ProcessedImage) for neighbour in neighbours)


def test_a_worker_killed_from_outside_at_work_costs_nothing_but_a_second_try(
    one_worker: Workers,
) -> None:
    pid = one_worker.pool.schedule(os.getpid).result()
    hangs = one_worker.pool.schedule(time.sleep, args=[60])
    while not hangs.running():
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    assert isinstance(one_worker.result(hangs, SOUND), ProcessedImage)


def test_a_worker_killed_from_outside_while_idle_is_replaced() -> None:
    with workers(1, STANDARD) as pool:
        os.kill(pool.pool.schedule(os.getpid).result(), signal.SIGKILL)
        assert isinstance(result_of(pool, SOUND), ProcessedImage)


def test_a_worker_is_another_process(one_worker: Workers) -> None:
    assert one_worker.pool.schedule(os.getpid).result() != os.getpid()


def test_what_a_worker_starts_inherits_no_environment(one_worker: Workers) -> None:
    shown = one_worker.pool.schedule(subprocess.check_output, args=[["/usr/bin/env"]])
    assert shown.result() == b""


def test_a_worker_sees_no_variable_of_ours(one_worker: Workers) -> None:
    seen = one_worker.pool.schedule(os.getenv, args=["DARKROOM_TEST_SECRET"])
    assert seen.result() is None


def test_a_worker_may_use_two_gibibytes_and_cannot_raise_that(one_worker: Workers) -> None:
    limits = one_worker.pool.schedule(resource.getrlimit, args=[resource.RLIMIT_AS])
    assert limits.result() == (2 * GIBIBYTE, 2 * GIBIBYTE)


def test_all_workers_end_with_the_block_even_if_one_is_at_work() -> None:
    with workers(1, STANDARD) as pool:
        pid = pool.pool.schedule(os.getpid).result()
        pool.pool.schedule(time.sleep, args=[60])
    assert not psutil.pid_exists(pid)
