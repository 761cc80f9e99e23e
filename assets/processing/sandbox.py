"""Takes away from a worker process what decoding does not need, as far as the machine can.

There are several layers, each independent of the others: a layer that the kernel or the user does
not permit is left out and reported. Nothing is opened after `close_down`: what a processor needs
has to be imported before. Only the standard library and libseccomp are used, which Debian installs
with apt. Sources: man pages seccomp(2), landlock(7), unshare(2), chroot(2), prctl(2).
"""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import cache, partial


class Layer(StrEnum):
    """One layer, by what it does."""

    NAMESPACES = "network and IPC of its own"
    EMPTY_ROOT = "empty file system"
    USER = "user of its own"
    NO_PRIVILEGES = "no new privileges"
    LANDLOCK = "Landlock"
    SYSTEM_CALLS = "filter of system calls"


_UIDS = range(61184, 65520)
"""Where systemd takes users that exist only while a service runs; see systemd's UIDS-GIDS.md."""

_CLONE_NEWUSER, _CLONE_NEWIPC, _CLONE_NEWNET = 0x10000000, 0x08000000, 0x40000000
_CLONE_THREAD = 0x00010000
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights to files Landlock knows, by the first version that knows as many."""
_FIRST_WITH_TCP, _TCP_RIGHTS = 4, 0b11
_FIRST_WITH_SCOPES, _SCOPES = 6, 0b11

_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_ALL_THREADS = 4
_EQUAL, _MASKED_EQUAL = 4, 7
_CALLS = (
    *("read", "write", "recvfrom", "sendto", "close", "fstat", "poll", "ppoll", "eventfd2"),
    *("mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "membarrier"),
    *("futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity"),
    *("clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "getrandom", "sysinfo"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall"),
    *(
        "getpid",
        "gettid",
        "getcwd",
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "getrusage",
        "setitimer",
    ),
    *("exit", "exit_group"),
)
"""Memory, threads, clocks, signals to itself, and what is open already."""


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def python_command(code: str) -> list[str]:
    """Returns the command of a process that runs code with this one's modules and nothing else."""
    setup = f"import sys; sys.path[:] = sys.argv[1:]; {code}"
    return [sys.executable, "-I", "-B", "-c", setup, *map(os.path.abspath, sys.path)]


def separate() -> list[Layer]:
    """Leaves the machine's network; called before there is any thread. Returns what it did."""
    flags = _CLONE_NEWNET | _CLONE_NEWIPC
    is_done = _is_done(partial(_unshare, flags)) or _is_done(
        partial(_unshare, flags | _CLONE_NEWUSER)
    )
    return [Layer.NAMESPACES] if is_done else []


def close_down() -> list[Layer]:
    """Applies all other layers for good, and returns those that this machine permits."""
    _seccomp()  # cannot be opened afterwards
    return [layer for layer, apply in _LAYERS.items() if _is_done(apply)]


def _is_done(apply: Callable[[], object]) -> bool:
    try:
        apply()
    except OSError:
        return False
    return True


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags))


def _enter_empty_root() -> None:
    """Makes a folder of the kernel the root that lists the process's own open files, and no more.

    Nobody can create anything in it.
    """
    os.chroot("/proc/self/fdinfo")
    os.chdir("/")


def _become_nobody() -> None:
    """Takes a user and a group that own nothing, others in each process."""
    number = _UIDS[os.getpid() % len(_UIDS)]
    os.setgroups([])
    os.setresgid(number, number, number)
    os.setresuid(number, number, number)


def _give_up_privileges() -> None:
    """Programs that it starts get no more rights, and no process of its user may look into it."""
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0)):
        _check(_libc.prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))))


def _restrict_by_landlock() -> None:
    """Forbids all files, TCP, and signals and abstract sockets of other processes."""
    version = _landlock(_CREATE_RULESET, None, 0, _VERSION)
    file_rights = max(count for first, count in _FILE_RIGHTS.items() if first <= version)
    masks = [2**file_rights - 1]
    masks += [_TCP_RIGHTS] if version >= _FIRST_WITH_TCP else []
    masks += [_SCOPES] if version >= _FIRST_WITH_SCOPES else []
    attributes = (ctypes.c_uint64 * len(masks))(*masks)
    rules = _landlock(_CREATE_RULESET, attributes, ctypes.sizeof(attributes), 0)
    _landlock(_RESTRICT_SELF, rules, 0, 0)
    os.close(rules)


def _landlock(call: int, first: object, *numbers: int) -> int:
    return _check(_libc.syscall(ctypes.c_long(call), first, *map(ctypes.c_ulong, numbers)))


def _filter_system_calls() -> None:
    """Permits `_CALLS` to all threads; any other fails with EPERM, so that decoders carry on."""
    library = _seccomp()
    if library is None:
        raise OSError(errno.ENOSYS, "libseccomp is not installed")
    rules = ctypes.c_void_p(library.seccomp_init(_EPERM))

    def add(action: int, call: str, *comparisons: _Comparison) -> None:
        number = library.seccomp_syscall_resolve_name(call.encode())
        array = (_Comparison * len(comparisons))(*comparisons)
        _check_code(library.seccomp_rule_add_array(rules, action, number, len(comparisons), array))

    _check_code(library.seccomp_attr_set(rules, _ALL_THREADS, 1))
    for call in _CALLS:
        add(_ALLOW, call)
    add(_ALLOW, "clone", _Comparison(0, _MASKED_EQUAL, _CLONE_THREAD, _CLONE_THREAD))
    add(_ENOSYS, "clone3")  # its flags are in memory; the C library calls clone instead
    for call, target in (("kill", os.getpid()), ("tgkill", os.getpid()), ("prlimit64", 0)):
        add(_ALLOW, call, _Comparison(0, _EQUAL, target))
    _check_code(library.seccomp_load(rules))


@cache
def _seccomp() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def _check(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _check_code(result: int) -> None:
    """Raises the error that a function of libseccomp returns."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))


_libc = ctypes.CDLL(None, use_errno=True)

_LAYERS: dict[Layer, Callable[[], None]] = {
    Layer.EMPTY_ROOT: _enter_empty_root,
    Layer.USER: _become_nobody,
    Layer.NO_PRIVILEGES: _give_up_privileges,
    Layer.LANDLOCK: _restrict_by_landlock,
    Layer.SYSTEM_CALLS: _filter_system_calls,
}
"""In this order: each takes away what those before it need."""
