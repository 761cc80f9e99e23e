"""Dagster's instance settings: `dagster.yaml` with the limits that the platform's settings imply.

Whoever prepares a `DAGSTER_HOME` writes them there, so that Dagster's limit of processing runs and
the sensor's (`PROCESSING_RUNS`) are one number.
"""

from pathlib import Path
from string import Template

_TEMPLATE = Path(__file__).with_name("dagster.yaml")
_OTHER_RUNS = 4


def instance_settings(processing_runs: int) -> str:
    """Returns the text of `dagster.yaml` for a number of concurrent processing runs."""
    return Template(_TEMPLATE.read_text()).substitute(
        processing_runs=processing_runs, max_concurrent_runs=processing_runs + _OTHER_RUNS
    )
