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
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from assets.processing.contract import ProcessedImage, self_test_image
from assets.processing.processor import process
from assets.processing.recipe import Recipe, read_recipe
from assets.validation.reasons import Reason, RejectedImageError

EVIL = b"evil"
"""Bytes that a hostile processor does its worst with; all others it processes."""


_STANDARD = read_recipe("standard")

_is_used = False


def _hostile(harm: Callable[[bytes], object]) -> Callable[[bytes, Recipe], ProcessedImage]:
    def processor(body: bytes, recipe: Recipe) -> ProcessedImage:
        global _is_used
        if not body.startswith(EVIL):
            _is_used = _is_used or body != self_test_image()
            return process(body, recipe)
        return harm(body.removeprefix(EVIL)) or process(self_test_image(), recipe)

    return processor


def _die(_: bytes) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_later(_: bytes) -> None:
    """Dies in a process that has had an image before."""
    if _is_used:
        _die(_)


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


def _start(_: bytes) -> None:
    subprocess.run(["/usr/bin/true"], check=False)


def _fork(_: bytes) -> None:
    """Two processes would come back from it."""
    os.fork()


def _import(_: bytes) -> None:
    """A processor that takes any error for one of the image, as decoders make it necessary."""
    try:
        import antigravity  # noqa: F401
    except Exception as error:
        raise RejectedImageError(Reason.CORRUPT) from error


class _Code(bytes):
    """Bytes that run code where they are unpickled, or converted."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.kill, (os.getpid(), signal.SIGKILL)

    def __bytes__(self) -> bytes:
        return b"other bytes"

    def __len__(self) -> int:
        return 1 << 40


def _return_code(_: bytes) -> ProcessedImage:
    made = process(self_test_image(), _STANDARD)
    first, *others = made.renditions
    return replace(made, renditions=(replace(first, body=_Code(first.body)), *others))


def _write_everywhere(told: bytes) -> None:
    """Writes bytes into every open file but the standard ones, in place of an answer."""
    for number in range(3, 128):
        with suppress(OSError):
            os.write(number, told)
    time.sleep(3600)


def _close_everything(_: bytes) -> None:
    os.closerange(0, 128)
    time.sleep(3600)


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
deadly_later = _hostile(_die_later)
crashing = _hostile(_crash)
leaving = _hostile(_leave)
swelling = _hostile(_swell)
hanging = _hostile(_hang)
dawdling = _hostile(_dawdle)
spinning = _hostile(_spin)
starting = _hostile(_start)
forking = _hostile(_fork)
importing = _hostile(_import)
coding = _hostile(_return_code)
scribbling = _hostile(_write_everywhere)
closing = _hostile(_close_everything)
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
    modules = {"os": os, "resource": resource, "signal": signal, "time": time}
    answer = str(eval(body.removeprefix(EVIL), modules))  # noqa: S307 - of a test
    return replace(made, facts=replace(made.facts, camera_make=answer[:200]))
