"""Dagster's limits follow from PROCESSING_RUNS; nothing else says how many runs there may be."""

import os
from pathlib import Path

import pytest
from dagster._core.instance.config import dagster_instance_config

from infra.local.dagster import instance_settings, prepare_dagster_home
from infra.local.state import StateFolder
from tests.unit.arrivals import REQUIRED, some_settings


def limits(folder: Path) -> tuple[int, dict[str, int]]:
    """Dagster's own reading of a home: all runs at once, and those per value of each tag."""
    settings, _ = dagster_instance_config(str(folder))
    queue = settings["run_queue"]
    tags = {one["key"]: one["limit"] for one in queue["tag_concurrency_limits"]}
    return queue["max_concurrent_runs"], tags


@pytest.mark.parametrize("runs", [1, 2, 8])
def test_dagster_runs_as_many_processing_runs_as_the_sensor_requests(
    tmp_path: Path, runs: int
) -> None:
    env = os.environ | REQUIRED | {"PROCESSING_RUNS": str(runs)}
    prepare_dagster_home(StateFolder(tmp_path), env)
    all_runs, tags = limits(tmp_path / "dagster")
    assert tags == {"darkroom/single_run": 1, "darkroom/shared_run": runs}
    assert some_settings(processing_runs=str(runs)).processing_runs == runs
    assert all_runs - runs == 4


def test_the_limits_are_those_of_the_default_setting_unless_somebody_sets_another(
    tmp_path: Path,
) -> None:
    (tmp_path / "dagster.yaml").write_text(instance_settings(some_settings().processing_runs))
    assert limits(tmp_path) == (6, {"darkroom/single_run": 1, "darkroom/shared_run": 2})
