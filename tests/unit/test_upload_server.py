"""The upload API as a server of the stack: what it is told, and what it is not."""

from pathlib import Path

import pytest

from infra.local.ports import Ports
from infra.local.stack import Stack
from infra.local.state import StateFolder
from tests.unit.test_stack_environment import EVERYTHING, OWN_AWS


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(StateFolder(tmp_path), Ports(upload_api=4711), EVERYTHING | OWN_AWS)


def test_it_logs_in_to_the_database_as_the_uploading_role(stack: Stack) -> None:
    assert stack.upload_api.env["DATABASE_URL"] == EVERYTHING["DATABASE_UPLOADER_URL"]


def test_it_listens_on_its_port_of_the_loopback_address(stack: Stack) -> None:
    env = stack.upload_api.env
    assert (env["UPLOAD_HOST"], env["UPLOAD_PORT"], stack.upload_api.port) == (
        "127.0.0.1",
        "4711",
        4711,
    )


def test_settings_of_its_own_are_passed_on(tmp_path: Path) -> None:
    outside = EVERYTHING | {"UPLOAD_REQUESTS_PER_MINUTE": "7", "RAW_BUCKET": "theirs"}
    env = Stack(StateFolder(tmp_path), outside=outside).upload_api.env
    assert (env["UPLOAD_REQUESTS_PER_MINUTE"], env["RAW_BUCKET"]) == ("7", "theirs")
