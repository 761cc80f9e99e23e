"""Where the embedded servers listen: defaults, environment variables, and free ports."""

import random
import re
import subprocess
import sys
from dataclasses import asdict, fields

import pytest

from assets.errors import StackError
from infra.local.ports import Ports, free_ports


def test_ports_not_named_are_the_usual_ones() -> None:
    assert Ports.from_environment({}) == Ports(15432, 14566, 19092, 3000)


@pytest.mark.parametrize("name", ["postgres", "s3", "kafka", "dagster"])
def test_a_port_can_be_moved_by_its_variable(name: str) -> None:
    moved = Ports.from_environment({f"{name.upper()}_PORT": "4711"})
    assert asdict(moved) == asdict(Ports()) | {name: 4711}


def test_the_upload_apis_port_can_be_moved_by_its_variable() -> None:
    assert Ports.from_environment({"UPLOAD_PORT": "4711"}) == Ports(upload_api=4711)


def test_an_empty_port_is_not_named() -> None:
    assert Ports.from_environment({"S3_PORT": ""}) == Ports()


@pytest.mark.parametrize("value", ["http", "3000.5", "tcp://10.0.0.1:3000"])
def test_a_port_that_is_no_number_is_told_in_a_sentence(value: str) -> None:
    with pytest.raises(StackError, match=rf"A port must be a whole number: .*{value}.*\.$"):
        Ports.from_environment({"DAGSTER_PORT": value})


@pytest.mark.parametrize("value", ["-1", "65536", "99999999"])
def test_a_port_that_cannot_exist_is_told_in_a_sentence(value: str) -> None:
    with pytest.raises(StackError):
        Ports.from_environment({"DAGSTER_PORT": value})


def test_free_ports_are_given_to_one_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even before its servers listen on them."""
    program = "from infra.local import ports; print(ports.free_ports())"
    always = "import random; random.sample = lambda numbers, k: list(numbers)[:k]; "
    monkeypatch.setattr(random, "sample", lambda numbers, k: list(numbers)[:k])
    ours = set(asdict(free_ports()).values())
    told = subprocess.check_output([sys.executable, "-c", always + program], text=True)
    theirs = {int(number) for number in re.findall(r"=(\d+)", told)}
    assert len(ours) == len(theirs) == len(fields(Ports))
    assert ours.isdisjoint(theirs)
