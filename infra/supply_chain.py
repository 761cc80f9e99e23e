"""What the platform is made of: the installed packages with versions, origins and licences."""

import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from assets.errors import StackError
from infra.programs import run_program

UNKNOWN: Final = "not declared"
_PROJECT = Path(__file__).parents[1]
_CLASSIFIER = "License :: OSI Approved :: "
# Packages whose metadata declares no licence; these are in the files that they come with.
_READ_FROM_FILES = {
    "ImageHash": "BSD-2-Clause",
    "antlr4-python3-runtime": "BSD-3-Clause",
    "protobuf": "BSD-3-Clause",
}


def bill_of_materials() -> str:
    """Returns the bill of materials of this Python environment: CycloneDX 1.6 as JSON.

    The same packages give the same text.

    Raises `StackError` when the tool that makes it is not installed or fails.
    """
    tool = Path(sys.executable).with_name("cyclonedx-py")
    if not tool.exists():
        raise StackError("cyclonedx-py is not installed; install it with `make setup-check`.")
    root = ("--pyproject", _PROJECT / "pyproject.toml", "--output-reproducible")
    command: list[str | Path] = [tool, "environment", *root, sys.executable]
    return run_program(command, "The bill of materials could not be made")


def packages_by_licence(bill: str) -> Mapping[str, list[str]]:
    """Returns the names and versions of the packages in a bill of materials, by their licence.

    A package that may be used under several licences counts under each combination once.
    """
    found = defaultdict[str, list[str]](list)
    for component in json.loads(bill)["components"]:
        found[_licence(component)].append(f"{component['name']} {component['version']}")
    return dict(sorted(found.items()))


def _licence(component: Mapping[str, Any]) -> str:
    """Returns the SPDX expression or id if there is one, else what the classifiers say."""
    declared = component.get("licenses", [])
    exact = [one.get("expression") or one["license"].get("id") for one in declared]
    names = [one["license"]["name"] for one in declared if "name" in one.get("license", {})]
    classified = [name.removeprefix(_CLASSIFIER) for name in names if name.startswith(_CLASSIFIER)]
    chosen = [name for name in exact if name] or classified or [name[:80] for name in names]
    return " or ".join(sorted(set(chosen))) or _READ_FROM_FILES.get(component["name"], UNKNOWN)
