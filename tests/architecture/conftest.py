"""The project as source files and as loaded definitions."""

import importlib
import os
from pathlib import Path

import dagster as dg
import pytest

from assets.yaml_files import read_yaml
from infra.local.dbt import parse_dbt_project

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def defs() -> dg.Definitions:
    """The definitions of the one module that `workspace.yaml` names."""
    parse_dbt_project(os.environ)
    workspace = read_yaml(PROJECT / "workspace.yaml")
    (entry,) = workspace["load_from"]
    module = importlib.import_module(entry["python_module"])
    (found,) = [value for value in vars(module).values() if isinstance(value, dg.Definitions)]
    return found
