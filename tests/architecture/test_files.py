"""Locked requirements name no address, and the README can be read in one go."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MAX_LINES_OF_README = 120

REQUIREMENTS = sorted((PROJECT / "requirements").glob("*.txt"))
LOCKED = [path for path in REQUIREMENTS if "--hash=" in path.read_text()]


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_the_readme_is_read_in_one_go() -> None:
    assert lines(PROJECT / "README.md") <= MAX_LINES_OF_README


def test_there_are_requirements_to_look_at() -> None:
    assert len(LOCKED) >= 3


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_requirements_name_no_address(path: Path) -> None:
    addresses = r"https?://|git\+|file:|--(extra-)?index-url|--find-links|^-[if] "
    assert re.findall(addresses, path.read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_locked_requirement_has_one_version_and_its_hashes(path: Path) -> None:
    logical = path.read_text().replace("\\\n", " ").splitlines()
    entries = [line for line in logical if line.strip() and not line.lstrip().startswith("#")]
    loose = [
        line.split()[0] for line in entries if "==" not in line or "--hash=sha256:" not in line
    ]
    assert loose == []
