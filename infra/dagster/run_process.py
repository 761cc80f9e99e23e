"""The process of a run, forked from one that has loaded the code.

Loading Dagster and the platform takes seconds of CPU time, which every run would spend again.
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dagster._cli.api import api_cli

_PROJECT: Final = Path(__file__).parents[2]
_MANIFEST: Final = _PROJECT / "dbt_project" / "target" / "manifest.json"
_LOADED_AT: Final = time.time()


def execute_run(arguments: str, environment: Mapping[str, str]) -> None:
    """Executes a run in this process, with newly loaded code if a file has changed since.

    Args:
        arguments: What `dagster api execute_run` takes.
        environment: The whole environment of the run.
    """
    command = ("execute_run", arguments)
    if has_changed_since(_LOADED_AT):
        os.execve(  # noqa: S606 - this interpreter
            sys.executable, (sys.executable, "-m", "dagster", "api", *command), dict(environment)
        )
    os.environ.clear()
    os.environ.update(environment)
    api_cli(command)


def has_changed_since(moment: float) -> bool:
    """Returns whether a loaded file of the project, or the manifest of dbt, is newer or missing.

    Args:
        moment: Seconds since the epoch.
    """
    loaded = (getattr(module, "__file__", None) for module in tuple(sys.modules.values()))
    files = (Path(file) for file in loaded if file)
    own = [one for one in files if one.is_relative_to(_PROJECT)]
    watched = [_MANIFEST, *(one for one in own if not one.is_relative_to(sys.prefix))]
    return any(not file.exists() or file.stat().st_mtime > moment for file in watched)
