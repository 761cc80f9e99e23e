"""Other programs that run to their end, started from a list of arguments, never by a shell."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from assets.errors import StackError


def run_program(
    command: Sequence[str | Path],
    problem: str,
    *,
    env: Mapping[str, str] | None = None,
    text: str | None = None,
    seconds: float | None = None,
) -> str:
    """Runs a program with a text as its input, and returns its standard output.

    Args:
        problem: The beginning of the sentence that says what could not be done.
        env: The program's whole environment; left out, that of this process.
        seconds: How long it may take; left out, as long as it needs.

    Raises `StackError` with the last line that the program printed when it fails, takes longer or
    is not installed.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - arguments come from code and settings of the operator
            command,
            env=env,
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{problem}: `{name}` did not end within {seconds:.0f} s.") from error
    except OSError as error:
        raise StackError(f"{problem}: `{name}` cannot be run ({error.strerror}).") from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        raise StackError(f"{problem}; `{name}` said: {lines[-1]}")
    return done.stdout
