"""Which process of Dagster's group is which, by the command lines that it really has."""

import pytest

from tests.campaigns.chaos.faults import Target, part_of_dagster

PYTHON = "/somewhere/.venv/bin/python"
DEV = [PYTHON, "-m", "dagster", "dev", "--workspace", "workspace.yaml"]
PROXY = [PYTHON, "-m", "dagster", "code-server", "start", "--socket", "/state/a"]
CODE = [PYTHON, "-m", "dagster", "api", "grpc", "--socket", "/state/b"]
WEB = [PYTHON, "-m", "dagster_webserver", "--port", "3000"]
DAEMON = [PYTHON, "-m", "dagster._daemon", "run"]
SPAWNED = [
    PYTHON, "-c", "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=1)",
    "--multiprocessing-fork",
]  # fmt: skip
TRACKER = [PYTHON, "-c", "from multiprocessing.resource_tracker import main;main(9)"]


@pytest.mark.parametrize(
    ("command", "parents_command", "part"),
    [
        (DEV, [], None),
        (PROXY, DEV, Target.CODE_SERVER),
        (CODE, PROXY, Target.CODE_SERVER),
        (WEB, DEV, Target.WEB_SERVER),
        (DAEMON, DEV, Target.DAEMON),
        (SPAWNED, CODE, Target.RUN),
        (SPAWNED, SPAWNED, None),
        (SPAWNED, [], None),
        (TRACKER, CODE, None),
    ],
)
def test_a_process_is_known_by_its_command_and_its_parents(command, parents_command, part):
    assert part_of_dagster(command, parents_command) is part
