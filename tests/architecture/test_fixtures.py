"""Tests that `make test` leaves out find the fixtures that they ask for."""

import subprocess
import sys

from infra.local.dagster import PROJECT


def test_the_tests_against_apache_kafka_can_be_set_up():
    command = [sys.executable, "-m", "pytest", "--quiet", "--setup-plan", "tests/apache_kafka"]
    planned = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stdout
