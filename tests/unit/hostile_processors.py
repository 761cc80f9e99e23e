"""Processors that do to a worker process what a broken decoder might; workers load them by name.

They do it to every image except the self-test image.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from assets.processing.contract import ProcessedImage, self_test_image
from assets.processing.processor import process
from assets.processing.recipe import Recipe
from assets.validation.reasons import Reason, RejectedImageError

EVIL = b"evil"
"""Bytes that a hostile processor does its worst with; all others it processes."""


def _hostile(harm: Callable[[bytes], object]) -> Callable[[bytes, Recipe], ProcessedImage]:
    def processor(body: bytes, recipe: Recipe) -> ProcessedImage:
        if not body.startswith(EVIL):
            return process(body, recipe)
        return harm(body.removeprefix(EVIL)) or process(self_test_image(), recipe)

    return processor


def _die(_: bytes) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_once(told: bytes) -> None:
    """Dies the first time, which it knows by an empty file."""
    if not Path(told.decode()).exists():
        Path(told.decode()).touch()
        _die(told)


def _crash(_: bytes) -> None:
    ctypes.string_at(0)


def _leave(_: bytes) -> None:
    sys.exit("enough")


def _swell(_: bytes) -> None:
    bytearray(3 * 1024**3)


def _hang(_: bytes) -> None:
    time.sleep(3600)


def _dawdle(_: bytes) -> None:
    time.sleep(4)


def _spin(_: bytes) -> None:
    while True:
        pass


def _fork_and_stay(told: bytes) -> None:
    """The child outlives the call; its number goes to where the test reads it."""
    child = subprocess.Popen(["/usr/bin/sleep", "3600"])
    os.write(os.open(told, os.O_WRONLY), b"%d\n" % child.pid)


def _fork_and_hang(told: bytes) -> None:
    _fork_and_stay(told)
    time.sleep(3600)


def _fork_and_return(_: bytes) -> None:
    """Two processes come back from it."""
    os.fork()


def _print(_: bytes) -> None:
    print("a" * 100_000, flush=True)  # noqa: T201
    print("b" * 100_000, file=sys.stderr, flush=True)  # noqa: T201
    os.write(1, b"c" * 100_000)


def _write(told: bytes) -> None:
    Path(told.decode()).write_bytes(b"x" * 100)


def _fail(_: bytes) -> None:
    raise AttributeError("'NoneType' object has no attribute 'secret of the image'")


def _return_bytes(_: bytes) -> object:
    return b"no ProcessedImage"


def _raise_what_cannot_be_sent(_: bytes) -> None:
    class LocalError(Exception):
        """Defined where no other process finds it."""

    raise LocalError(lambda: None)


deadly = _hostile(_die)
deadly_once = _hostile(_die_once)
crashing = _hostile(_crash)
leaving = _hostile(_leave)
swelling = _hostile(_swell)
hanging = _hostile(_hang)
dawdling = _hostile(_dawdle)
spinning = _hostile(_spin)
forking = _hostile(_fork_and_stay)
forking_and_hanging = _hostile(_fork_and_hang)
returning_twice = _hostile(_fork_and_return)
printing = _hostile(_print)
writing = _hostile(_write)
failing = _hostile(_fail)
nonsense = _hostile(_return_bytes)
unsendable = _hostile(_raise_what_cannot_be_sent)


def broken(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Can do nothing with any image."""
    return body.thumbnails(recipe)


def broken_later(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Breaks for good with the first evil image."""
    global _is_broken
    _is_broken = _is_broken or body.startswith(EVIL)
    if _is_broken:
        raise OSError("its licence has ended")
    return process(body, recipe)


_is_broken = False


def choosy(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Accepts the self-test image only."""
    if body != self_test_image():
        raise RejectedImageError(Reason.CORRUPT)
    return process(body, recipe)


def always_deadly(_body: bytes, _recipe: Recipe) -> ProcessedImage:
    """Kills its process whatever it is given."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def telling(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Answers a question of a test in place of the camera's name."""
    made = process(self_test_image(), recipe)
    if not body.startswith(EVIL):
        return made
    modules = {"os": os, "resource": resource, "subprocess": subprocess, "time": time}
    answer = str(eval(body.removeprefix(EVIL), modules))  # noqa: S307 - of a test
    return replace(made, facts=replace(made.facts, camera_make=answer[:200]))
