"""Every layer of isolation by itself: what a process cannot do once it alone is applied."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.processing.sandbox import Layer

PROJECT = Path(__file__).parents[2]
CHILD = """
import ctypes, os, signal, socket, subprocess, sys
from assets.processing import sandbox

layer, attempt = sandbox.Layer(sys.argv[1]), sys.argv[2]
parent, port, name = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]

def connect(family, address):
    socket.socket(family).connect(address)

def call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

sandbox._seccomp()
if layer in {sandbox.Layer.NAMESPACES, sandbox.Layer.EMPTY_ROOT}:
    sandbox.separate()  # in which also somebody else than root may change the root
if layer in {sandbox.Layer.LANDLOCK, sandbox.Layer.SYSTEM_CALLS}:
    sandbox._give_up_privileges()  # which they need
if layer in sandbox._LAYERS:
    sandbox._LAYERS[layer]()
try:
    got = eval(attempt)
except OSError as error:
    print(error.__class__.__name__)
else:
    print("got", got)
"""
TCP = "connect(socket.AF_INET, ('127.0.0.1', port))"
ABSTRACT = "connect(socket.AF_UNIX, chr(0) + name)"
READ = "open('/etc/passwd').read()"
WRITE = "os.open('/tmp', os.O_TMPFILE | os.O_WRONLY)"
LIST = "os.listdir('/proc/1')"
SIGNAL = "os.kill(parent, 0)"
ENVIRON = "open(f'/proc/{parent}/environ', 'rb').read()"
STAT = "os.stat(f'/proc/{parent}')"
SHELL = "subprocess.run(['/bin/sh', '-c', 'true'])"
"""A shell is started in a child of the process."""

HELD = [
    (Layer.NAMESPACES, TCP),
    (Layer.NAMESPACES, ABSTRACT),
    *((Layer.EMPTY_ROOT, one) for one in (READ, WRITE, LIST, ENVIRON, STAT, SHELL)),
    *((Layer.LANDLOCK, one) for one in (READ, WRITE, LIST, ENVIRON, SHELL, TCP, ABSTRACT, SIGNAL)),
    *((Layer.SYSTEM_CALLS, one) for one in (READ, WRITE, LIST, ENVIRON, STAT, SHELL, SIGNAL, TCP)),
    *(
        (Layer.SYSTEM_CALLS, one)
        for one in (
            ABSTRACT,
            "os.fork()",
            "os.execv('/bin/true', ['true'])",
            "call('ptrace', 16, parent, 0, 0)",
            "call('process_vm_readv', parent, 0, 0, 0, 0, 0)",
            "call('unshare', 0x10000000)",
            "call('syscall', 434, parent, 0)",  # pidfd_open
            "call('syscall', 425, 8, 0)",  # io_uring_setup
            "call('prctl', 4, 1, 0, 0, 0)",  # PR_SET_DUMPABLE
            "os.setpriority(os.PRIO_PROCESS, parent, 5)",
        )
    ),
]


def attempt_under(layer: Layer, attempt: str, port: int, name: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, layer, attempt, str(os.getpid()), str(port), name],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[int, str]]:
    """A TCP port and an abstract socket of this process."""
    name = f"darkroom-sandbox-test-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind(f"\0{name}")
        abstract.listen()
        yield server.getsockname()[1], name


@pytest.mark.parametrize(("layer", "attempt"), HELD)
def test_a_layer_alone_holds(layer: Layer, attempt: str, listening: tuple[int, str]) -> None:
    raised = attempt_under(layer, attempt, *listening)
    if layer in {Layer.LANDLOCK, Layer.SYSTEM_CALLS}:
        assert raised == "PermissionError"
    else:
        assert raised in {"FileNotFoundError", "ConnectionRefusedError", "OSError"}


@pytest.mark.skipif(os.getuid() != 0, reason="only root may take another user")
@pytest.mark.parametrize("attempt", [ENVIRON, SIGNAL])
def test_another_user_alone_does_not_reach_other_processes(
    attempt: str, listening: tuple[int, str]
) -> None:
    assert attempt_under(Layer.USER, attempt, *listening) == "PermissionError"


@pytest.mark.parametrize(
    "attempt", [TCP, ABSTRACT, READ, WRITE, LIST, ENVIRON, STAT, SHELL, SIGNAL, "os.fork()"]
)
def test_without_a_layer_the_same_attempt_gets_through(
    attempt: str, listening: tuple[int, str]
) -> None:
    assert attempt_under(Layer.NO_PRIVILEGES, attempt, *listening).startswith("got")
