"""Runs the dbt of this Python environment on the project."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from assets.errors import StackError
from assets.settings import RetentionSettings

DBT_PROJECT = Path(__file__).parents[2] / "dbt_project"


@dataclass(frozen=True)
class DbtResult:
    """The result of a command: whether it succeeded, its output, seconds and rows by model name.

    Attributes:
        rows: Inserted and updated rows of the models that are tables.
    """

    succeeded: bool
    output: str
    seconds: Mapping[str, float]
    rows: Mapping[str, int]


def run_dbt(env: Mapping[str, str], *arguments: str, outputs: Path | None = None) -> DbtResult:
    """Runs a dbt command to its end.

    Args:
        env: The whole environment of the command; a stack's `environment()` has what it needs.
        outputs: Folder for compiled SQL and logs, when not the project's own.
    """
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    if outputs:
        folders += ["--target-path", str(outputs), "--log-path", str(outputs)]
    dbt = Path(sys.executable).with_name("dbt")
    done = subprocess.run(  # noqa: S603 - arguments of this project
        [dbt, "--no-use-colors", *arguments, *folders, *RetentionSettings.of(env).dbt_variables],
        env=dict(env),
        capture_output=True,
        text=True,
        check=False,
    )
    results = _models((outputs or DBT_PROJECT / "target") / "run_results.json")
    return DbtResult(
        done.returncode == 0,
        done.stdout,
        {name: float(node["execution_time"]) for name, node in results.items()},
        {
            name: int(node["adapter_response"]["rows_affected"])
            for name, node in results.items()
            if node["adapter_response"].get("rows_affected", -1) >= 0
        },
    )


def build(env: Mapping[str, str], *arguments: str, outputs: Path | None = None) -> DbtResult:
    """Runs `dbt build` as a scheduled run does, without the unit tests.

    Raises `StackError` with the end of dbt's output when it fails.
    """
    unit_tests = ("--exclude-resource-type", "unit_test")
    result = run_dbt(env, "build", *unit_tests, *arguments, outputs=outputs)
    if not result.succeeded:
        raise StackError(f"The views could not be built; dbt said: {result.output[-2000:]}")
    return result


def repair(env: Mapping[str, str], outputs: Path | None = None) -> Mapping[str, int]:
    """Recomputes what the sales views read, and returns the rows written by table.

    Raises `StackError` when it fails, or when a table is still not what it should be.
    """
    return build(env, "--full-refresh", "--select", "intermediate.sales", outputs=outputs).rows


def parse_dbt_project(env: Mapping[str, str]) -> None:
    """Writes the dbt manifest, which the dbt assets are read from, if it is older than the project.

    Raises `StackError` when the project does not parse.
    """
    manifest = DBT_PROJECT / "target" / "manifest.json"
    manifest.parent.mkdir(exist_ok=True)
    with FileLock(manifest.with_name("parse.lock")):
        if manifest.exists() and manifest.stat().st_mtime >= _newest_change(DBT_PROJECT):
            return
        result = run_dbt(env, "--quiet", "parse")
    if not result.succeeded:
        raise StackError(f"The dbt project does not parse; `dbt parse` said: {result.output}")


def _models(results: Path) -> dict[str, Any]:
    if not results.exists():
        return {}
    nodes = json.loads(results.read_text())["results"]
    return {
        node["unique_id"].split(".")[2]: node
        for node in nodes
        if node["unique_id"].startswith("model.")
    }


def _newest_change(folder: Path) -> float:
    generated = {folder / "target", folder / "logs"}
    return max(
        path.stat().st_mtime
        for path in folder.rglob("*")
        if path.is_file() and generated.isdisjoint(path.parents)
    )
