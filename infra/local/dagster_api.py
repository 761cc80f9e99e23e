"""Dagster's GraphQL API: runs in flight, runs that failed, asset checks, launches."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from assets.errors import StackError

_OPERATIONS = Path(__file__).with_suffix(".graphql").read_text()
_LONG_SECONDS = 60.0
"""For an answer that needs the code server to import a job, or a search of the storage."""
_CANCEL_SECONDS = 15.0
_LOCATION = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "orchestration.definitions",
}


@dataclass(frozen=True)
class CheckState:
    """An asset check and its latest execution.

    Attributes:
        asset: The key of its asset, joined by slashes.
        status: Dagster's word, such as SUCCEEDED; None: not run since the asset was last made.
        is_error: Whether it failed, and not as a warning only.
        evaluated_at: When, as a Unix timestamp.
        figures: Its numbers, by label.
    """

    asset: str
    name: str
    jobs: tuple[str, ...]
    status: str | None = None
    is_error: bool = False
    description: str = ""
    evaluated_at: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)


def has_loaded_code(port: int) -> bool:
    """Whether the web server answers and every code location is loaded."""
    answer = _ask(port, "locations")
    if answer is None:
        return False
    entries = answer["workspaceOrError"].get("locationEntries")  # an error when storage is down
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)


def runs_in_flight(port: int) -> list[str] | None:
    """Returns the ids of the runs that have not ended; None when Dagster does not answer."""
    runs = _runs(port, "inFlight")
    return None if runs is None else [run["runId"] for run in runs]


def failed_jobs(port: int) -> list[str]:
    """Returns the jobs whose latest ended run failed, in alphabetical order."""
    latest: dict[str, str] = {}
    for run in _runs(port, "ended") or []:  # the newest first
        latest.setdefault(run["jobName"], run["status"])
    return sorted(job for job, status in latest.items() if status == "FAILURE")


def cancel_runs(port: int) -> None:
    """Asks every run in flight to end, so that it releases its leases, and waits a while for it.

    A Dagster that does not answer has no runs to ask.
    """
    deadline = time.monotonic() + _CANCEL_SECONDS
    while (run_ids := runs_in_flight(port)) and time.monotonic() < deadline:
        _ask(port, "terminate", {"runIds": run_ids})
        time.sleep(0.5)


def launch_job(port: int, job: str, config: Mapping[str, object] | None = None) -> str:
    """Launches a run of a job as a person does in the UI; returns the run's id.

    Raises `StackError` when Dagster does not launch it.
    """
    variables = {"job": {**_LOCATION, "jobName": job}, "config": config or {}}
    answer = _ask(port, "launch", variables, _LONG_SECONDS)
    launched = answer["launchRun"] if answer else {"__typename": "no answer"}
    if "run" not in launched:
        raise StackError(f"Dagster did not launch {job}: {launched['__typename']}.")
    return str(launched["run"]["runId"])


def check_states(port: int) -> list[CheckState]:
    """Returns every asset check with its latest execution; empty when Dagster does not answer."""
    answer = _ask(port, "checks", seconds=_LONG_SECONDS)
    nodes: Sequence[Mapping[str, Any]] = answer["assetNodes"] if answer else ()
    return [
        _check_state("/".join(node["assetKey"]["path"]), check)
        for node in nodes
        for check in node["assetChecksOrError"].get("checks", ())
    ]


def _check_state(asset: str, check: Mapping[str, Any]) -> CheckState:
    jobs = tuple(name for name in check["jobNames"] if not name.startswith("__"))
    execution = check["executionForLatestMaterialization"]
    if not execution:
        return CheckState(asset, check["name"], jobs)
    evaluation = execution["evaluation"] or {"severity": "ERROR", "metadataEntries": ()}
    has_failed = execution["status"] in {"FAILED", "EXECUTION_FAILED"}
    figures = {entry["label"]: entry.get("floatValue") for entry in evaluation["metadataEntries"]}
    return CheckState(
        asset,
        check["name"],
        jobs,
        execution["status"],
        has_failed and evaluation["severity"] == "ERROR",
        evaluation.get("description") or "",
        execution["timestamp"] or 0.0,
        {label: value for label, value in figures.items() if value is not None},
    )


def _runs(port: int, operation: str) -> list[dict[str, str]] | None:
    answer = _ask(port, operation)
    runs: list[dict[str, str]] | None = answer["runsOrError"].get("results") if answer else None
    return runs


def _ask(
    port: int, operation: str, variables: Mapping[str, object] | None = None, seconds: float = 10
) -> Any:
    """Returns the data of Dagster's answer, or None when it does not answer in time."""
    request = {"query": _OPERATIONS, "operationName": operation, "variables": variables or {}}
    try:
        answer = requests.post(f"http://127.0.0.1:{port}/graphql", json=request, timeout=seconds)
        return answer.json()["data"]
    except (requests.RequestException, ValueError):
        return None
