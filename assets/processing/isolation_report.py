"""Which layers isolate the image workers, in words, and what this machine permits."""

import json
import subprocess
from collections.abc import Collection

from assets.processing.sandbox import Layer, python_command

_TRY = (
    "import json; from assets.processing import sandbox; "
    "print(json.dumps([*sandbox.separate(), *sandbox.close_down()]))"
)


def permitted_layers() -> list[Layer]:
    """Returns the layers that this machine permits, found out in a process of its own."""
    command = python_command(_TRY)
    done = subprocess.run(command, env={}, capture_output=True, check=True)  # noqa: S603 - ours
    return [Layer(name) for name in json.loads(done.stdout)]


def layers_sentence(layers: Collection[Layer]) -> str:
    """Returns what isolates the workers and what does not."""
    missing = ", ".join(layer for layer in Layer if layer not in layers)
    kept = ", ".join(layer for layer in Layer if layer in layers)
    return f"isolated by {kept or 'nothing'}" + (f"; without {missing}" if missing else "")


def weakness(layers: Collection[Layer]) -> str | None:
    """Returns what to do where a worker that is taken over reaches more than its image.

    The filter alone closes files, network, programs and other processes; nothing else closes all.
    """
    if Layer.SYSTEM_CALLS in layers:
        return None
    return (
        "Image workers are weakly isolated: without a filter of system calls, an image that takes "
        "over its decoder can start programs; install libseccomp (Debian: libseccomp2)."
    )
