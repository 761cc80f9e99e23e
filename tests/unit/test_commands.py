"""How the `darkroom` command ends: sentences, exit codes, and state that is never deleted."""

from pathlib import Path

import pytest

from cli.main import GROUPS
from tests.commands import darkroom


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_shows_its_commands(group: str) -> None:
    shown = darkroom(group, "--help")
    assert shown.exit_code == 0
    assert f"darkroom {group}" in shown.output


@pytest.mark.parametrize("command", [(), ("images",), ("images", "erase"), ("status",)])
@pytest.mark.parametrize("columns", ["80", "120"])
def test_help_shows_flags_without_a_type(command: tuple[str, ...], columns: str) -> None:
    shown = darkroom(*command, "--help", env={"COLUMNS": columns})
    assert "--help" in shown.output
    assert "bool" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["imges"], "No such command 'imges'"),
        (["status", "--no-such-option"], "--no-such-option"),
        (["images", "produce"], "Missing argument 'FOLDER'"),
        (["images", "produce", ""], "the one after “produce” is empty"),
        (["images", "erase", "--source", "kafka", "--uploader="], "--uploader: it is empty"),
        (["demo", "--count", "0"], "--count"),
        (["images", "requeue", "nonsense"], "REASON"),
    ],
)
def test_wrong_usage_is_one_sentence_that_names_the_argument(
    arguments: list[str], words: str
) -> None:
    refused = darkroom(*arguments)
    assert refused.exit_code == 2
    assert words in " ".join(refused.output.split())


def test_reset_never_deletes_a_folder_that_is_not_the_platforms(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    refused = darkroom("reset", "--yes", env={"DARKROOM_STATE": str(tmp_path)})
    assert refused.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("command", ["status", "down"])
def test_no_command_writes_into_a_folder_that_is_not_the_platforms(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert darkroom(command, env={"DARKROOM_STATE": str(tmp_path)}).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_demo_starts_nothing_for_a_folder_without_images(tmp_path: Path) -> None:
    empty, state = tmp_path / "empty", tmp_path / "state"
    empty.mkdir()
    refused = darkroom("demo", "--images", empty, env={"DARKROOM_STATE": str(state)})
    assert refused.exit_code == 1
    assert "holds no image" in " ".join(refused.output.split())
    assert not state.joinpath("logs").exists()


def test_the_demo_refuses_outside_servers(tmp_path: Path) -> None:
    outside = {
        "DARKROOM_STATE": str(tmp_path),
        "DATABASE_URL": "postgresql://db.example/warehouse",
        "KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092",
    }
    refused = darkroom("demo", env=outside)
    assert refused.exit_code == 1
    assert "DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS" in " ".join(refused.output.split())
    assert "--allow-outside" in refused.output
