"""A processor that an attacker has taken over: it does what an image tells it to.

Workers load it by name. It reports what it got in place of the camera's name.
"""

import ctypes
import json
import os
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from assets.processing.contract import ProcessedImage, self_test_image
from assets.processing.processor import process
from assets.processing.recipe import Recipe

ORDER = b"order:"
"""What such an image begins with; the name of an attempt and its arguments follow, as JSON."""

_PTRACE_SEIZE = 0x4206
_libc = ctypes.CDLL(None, use_errno=True)


def obey(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Processes an image, or carries out its order."""
    if not body.startswith(ORDER):
        return process(body, recipe)
    made = process(self_test_image(), recipe)
    name, *arguments = json.loads(body.removeprefix(ORDER))
    if name == "smuggle":
        return _smuggle(made, *arguments)
    try:
        got = repr(_ATTEMPTS[name](*arguments))
    except OSError:
        got = ""
    return replace(made, facts=replace(made.facts, camera_make=got[:200]))


def _read(path: str) -> bytes:
    return Path(path).read_bytes()[:60]


def _list(path: str) -> list[str]:
    return os.listdir(path)[:3]  # noqa: PTH208 - as an attacker does


def _open_for_writing(path: str) -> str:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    return "a file to write to"


def _connect(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), 2):
        return f"a connection to port {port}"


def _connect_to_name(name: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{name}")
        return "a connection to an abstract socket"


def _run() -> bytes:
    return subprocess.check_output(["/bin/sh", "-c", "id"])


def _signal(pid: int) -> str:
    os.kill(pid, 0)
    return "leave to send a signal"


def _trace(pid: int) -> str:
    """Does not stop the other process, which is left alone when this one ends."""
    if _libc.ptrace(_PTRACE_SEIZE, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return "another process under its control"


def _regain_root() -> str:
    os.setuid(0)
    return "root"


class _Code(bytes):
    """Bytes that make a folder where they are unpickled."""

    folder: str

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (self.folder,)


def _smuggle(made: ProcessedImage, folder: str) -> ProcessedImage:
    first, *others = made.renditions
    code = _Code(first.body)
    code.folder = folder
    return replace(made, renditions=(replace(first, body=code), *others))


def _answer(content: str) -> None:
    """Writes bytes, in hexadecimal digits, into whatever is open."""
    for number in range(3, 64):
        with suppress(OSError):
            os.write(number, bytes.fromhex(content))


_ATTEMPTS: dict[str, Callable[..., Any]] = {
    "identify": os.getpid,
    "read": _read,
    "list": _list,
    "open_for_writing": _open_for_writing,
    "connect": _connect,
    "connect_to_name": _connect_to_name,
    "run": _run,
    "signal": _signal,
    "trace": _trace,
    "regain_root": _regain_root,
    "answer": _answer,
}
