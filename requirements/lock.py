"""Locks the newest versions that `pyproject.toml` allows, with hashes, without addresses."""

import subprocess
import sys
from pathlib import Path

UV = Path(sys.executable).with_name("uv")
HERE = Path(__file__).parent


def lock(target: str, *sources: str) -> None:
    """Writes one lock file."""
    options = (
        "--quiet",
        "--universal",
        "--python-version=3.11",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-strip-extras",
        "--no-annotate",
        "--custom-compile-command=make lock",
        f"--output-file=requirements/{target}",
        "--upgrade",
    )
    command = [UV, "pip", "compile", *options, *sources]
    subprocess.run(command, cwd=HERE.parent, check=True)  # noqa: S603 - a constant


lock("installer.txt", "requirements/installer.in")
lock("runtime.txt", "pyproject.toml", "--extra=local", "--extra=test", "--extra=fast")
lock("check.txt", "pyproject.toml", "--extra=check", "--constraints=requirements/runtime.txt")
lock("browser.txt", "pyproject.toml", "--extra=browser", "--constraints=requirements/runtime.txt")
