"""Importing a module touches no network and reads no variable of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.settings import Settings
from infra.local.dbt import parse_dbt_project

PROJECT = Path(__file__).parents[2]
PROJECT_VARIABLES = {name.upper() for name in Settings.model_fields} | {
    "DATABASE_ADMIN_URL",
    "DAGSTER_DATABASE_URL",
    "DAGSTER_HOME",
    "DARKROOM_STATE",
    "POSTGRES_PORT",
    "S3_PORT",
    "KAFKA_PORT",
    "DAGSTER_PORT",
}
# DAGSTER_HOME is Dagster's own and may be asked for by Dagster itself.
GUARD = """
import os, socket, sys

PROJECT_VARIABLES = set(sys.argv[1].split(",")) - {"DAGSTER_HOME"}

def refuse_network(*args, **kwargs):
    raise RuntimeError(f"the network is touched: {args[1:]}")

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse_network)
socket.getaddrinfo = socket.create_connection = refuse_network

read = os._Environ.__getitem__

def refuse_ours(self, key):
    if key in PROJECT_VARIABLES:
        raise RuntimeError(f"the variable {key} is read")
    return read(self, key)

os._Environ.__getitem__ = refuse_ours
"""
IMPORT_ALL = """
import importlib, pkgutil

for room in sys.argv[2].split(","):
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)
"""


def run(code: str, packages: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, ",".join(sorted(PROJECT_VARIABLES)), packages],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("packages", ["assets,orchestration,services", "cli,infra"])
def test_importing_every_module_is_quiet(packages: str) -> None:
    parse_dbt_project(os.environ)
    done = run(GUARD + IMPORT_ALL, packages)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("socket.create_connection(('127.0.0.1', 9))", "the network is touched"),
        ("socket.socket().connect(('127.0.0.1', 9))", "the network is touched"),
        ("os.environ.get('DATABASE_URL')", "the variable DATABASE_URL is read"),
        ("'KAFKA_TOPIC' in os.environ", "the variable KAFKA_TOPIC is read"),
        ("os.getenv('RAW_BUCKET')", "the variable RAW_BUCKET is read"),
    ],
)
def test_the_guard_would_notice(act: str, words: str) -> None:
    done = run(GUARD + act, "assets")
    assert words in done.stderr


def test_what_decodes_images_comes_without_dagster_pandas_and_clients() -> None:
    """Worker processes import `workers`: what it does not need costs every worker a second."""
    code = (
        "import assets.processing.worker_pool, sys; "
        "print({'dagster', 'pandas', 'boto3', 'kafka', 'psycopg', 'numpy', 'imagehash'}"
        " & sys.modules.keys())"
    )
    assert run(code, "assets").stdout.strip() == "set()"
