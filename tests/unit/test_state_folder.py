"""The state folder: passwords made once and kept private, files written whole or not at all."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from assets.errors import StackError
from infra.local.state import ServerPasswords, StateFolder


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_passwords_stay_the_same(state: StateFolder) -> None:
    assert state.secrets() == StateFolder(state.root).secrets()


def test_every_password_is_another_one(state: StateFolder) -> None:
    made = asdict(state.secrets()).values()
    assert len(set(made)) == len(made)


def test_another_folder_has_other_passwords(state: StateFolder, tmp_path: Path) -> None:
    other = asdict(StateFolder(tmp_path / "other").secrets()).values()
    assert set(asdict(state.secrets()).values()).isdisjoint(other)


def test_only_the_owner_may_read_the_passwords(state: StateFolder) -> None:
    state.secrets()
    assert mode(state.path("secrets.json")) == 0o600


def test_passwords_are_never_shown() -> None:
    made = ServerPasswords(postgres_superuser="hunter2", s3_operator="hunter2")
    assert "hunter2" not in f"{made} {made!r}"


def test_a_database_without_its_passwords_is_told_with_the_way_out(state: StateFolder) -> None:
    state.path("postgres", "PG_VERSION").write_text("18")
    with pytest.raises(StackError, match=r"holds a database but not its passwords.*darkroom reset"):
        state.secrets()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"text"', '{"password_of_another_version": "x"}', "{}",
     '{"postgres_superuser": 1}'],
)  # fmt: skip
def test_a_file_that_holds_no_passwords_is_told_with_the_way_out(
    state: StateFolder, text: str
) -> None:
    state.path("secrets.json").write_text(text)
    with pytest.raises(
        StackError, match=r"cannot be read as this version's passwords.*darkroom reset"
    ):
        state.secrets()


def test_passwords_that_an_older_folder_lacks_are_generated_and_kept(state: StateFolder) -> None:
    older = {"postgres_superuser": "x", "darkroom_loader": "y"}
    state.path("secrets.json").write_text(json.dumps(older))
    state.path("postgres", "PG_VERSION").write_text("18")
    made = asdict(state.secrets())
    assert made.items() >= older.items()
    assert len(set(made.values())) == len(made)
    assert asdict(StateFolder(state.root).secrets()) == made
    assert mode(state.path("secrets.json")) == 0o600


def test_passwords_of_another_version_are_kept(state: StateFolder) -> None:
    given = asdict(ServerPasswords()) | {"of_a_later_version": "z"}
    del given["s3_operator"]
    state.path("secrets.json").write_text(json.dumps(given))
    state.secrets()
    assert json.loads(state.path("secrets.json").read_text()).items() > given.items()


def test_two_commands_generate_the_same_passwords(state: StateFolder) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: StateFolder(state.root).secrets(), range(8)))
    assert len(made) == 1


def test_passwords_that_are_no_text_are_told_with_the_way_out(state: StateFolder) -> None:
    state.path("secrets.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StackError, match="cannot be read"):
        state.secrets()


def test_a_private_file_is_private_whatever_the_umask(state: StateFolder) -> None:
    before = os.umask(0)
    try:
        state.write_private(state.path("env"), "A=1\n")
    finally:
        os.umask(before)
    assert mode(state.path("env")) == 0o600


def test_a_private_file_written_over_an_open_one_is_private(state: StateFolder) -> None:
    path = state.path("env")
    path.write_text("old")
    path.chmod(0o644)
    state.write_private(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o600)


def test_a_private_file_that_cannot_be_written_leaves_the_old_one_whole(state: StateFolder) -> None:
    path = state.path("env")
    state.write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        state.write_private(path, "new" * 10_000 + "\ud800")
    assert path.read_text() == "old"


def test_what_an_interrupted_write_left_behind_is_in_nobodys_way(state: StateFolder) -> None:
    state.path("env.part").write_text("half")
    state.write_private(state.path("env"), "whole")
    assert state.path("env").read_text() == "whole"
    assert not state.path("env.part").exists()


def test_passwords_are_stored_as_json_that_a_person_can_read(state: StateFolder) -> None:
    made = state.secrets()
    assert json.loads(state.path("secrets.json").read_text()) == asdict(made)


def test_a_path_in_the_folder_has_its_parents(state: StateFolder) -> None:
    assert state.path("logs", "kafka.log").parent.is_dir()


def test_a_second_command_waits_and_then_says_who_it_waited_for(state: StateFolder) -> None:
    another = StateFolder(state.root).lock(wait_seconds=0.05)
    with state.lock(), pytest.raises(StackError, match="Another command is starting"), another:
        pass


def test_the_lock_is_free_again_after_an_error(state: StateFolder) -> None:
    with pytest.raises(KeyError), state.lock():
        raise KeyError
    with state.lock(wait_seconds=0.05):
        assert state.root.exists()


def test_deleting_the_folder_deletes_everything(state: StateFolder) -> None:
    state.secrets()
    state.delete()
    assert not state.root.exists()


def test_a_folder_without_the_marker_is_not_deleted(state: StateFolder) -> None:
    state.path("secrets.json").write_text("mine")
    with pytest.raises(StackError, match="does not carry the marker"):
        state.delete()
    assert state.path("secrets.json").read_text() == "mine"


@pytest.mark.parametrize("contents", [(), ("lock",), ("reports/warehouse.json", "dagster/")])
def test_a_folder_in_which_nothing_was_started_yet_is_marked(
    state: StateFolder, contents: tuple[str, ...]
) -> None:
    for name in contents:
        path = state.path(name.rstrip("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_text("{}")
    state.mark()
    assert state.is_marked


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("secrets.json", '{"darkroom_loader": "x"}'),
        ("dagster/dagster.yaml", "module: infra.dagster.launcher"),
    ],
)
def test_a_state_folder_of_an_earlier_version_is_marked(
    state: StateFolder, name: str, text: str
) -> None:
    state.path("postgres", "PG_VERSION").write_text("18")
    state.path("logs", "kafka.log").write_text("log")
    state.path(*name.split("/")).write_text(text)
    state.mark()
    assert state.is_marked


@pytest.mark.parametrize("stranger", ["README.md", ".git", "notes/mine.txt"])
def test_a_folder_with_anything_else_in_it_is_refused(state: StateFolder, stranger: str) -> None:
    state.path("secrets.json").write_text('{"darkroom_loader": "x"}')
    state.path(*stranger.split("/")).write_text("mine")
    with pytest.raises(StackError, match="is not a state folder of Darkroom"):
        state.mark()
    assert not state.is_marked


def test_a_folder_that_only_looks_like_ours_is_refused(state: StateFolder) -> None:
    state.path("secrets.json").write_text('{"token": "mine"}')
    state.path("logs", "mine.log").write_text("log")
    with pytest.raises(StackError, match="is not a state folder of Darkroom"):
        state.mark()
