import os
import sys
import time
from types import ModuleType

import pytest

from infra.dagster import run_process
from infra.dagster.run_process import execute_run, has_changed_since


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """A project of one loaded module and a manifest, both a minute old."""
    module = ModuleType("of_the_project")
    module.__file__ = str(tmp_path / "of_the_project.py")
    files = tmp_path / "of_the_project.py", tmp_path / "manifest.json"
    for file in files:
        file.touch()
        os.utime(file, (time.time() - 60,) * 2)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(run_process, "_PROJECT", tmp_path)
    monkeypatch.setattr(run_process, "_MANIFEST", files[1])
    return files


def test_files_that_are_older_than_the_process_have_not_changed(loaded):
    assert not has_changed_since(time.time() - 1)


@pytest.mark.parametrize("which", [0, 1])
def test_a_newer_module_or_manifest_is_a_change(loaded, which):
    loaded[which].touch()
    assert has_changed_since(time.time() - 1)


@pytest.mark.parametrize("which", [0, 1])
def test_a_missing_module_or_manifest_is_a_change(loaded, which):
    loaded[which].unlink()
    assert has_changed_since(time.time() - 1)


def test_a_run_has_the_environment_of_its_family_only(loaded, monkeypatch):
    seen = []
    monkeypatch.setattr(run_process, "_LOADED_AT", time.time())
    monkeypatch.setattr(os, "environ", {"SECRET_OF_ANOTHER": "1"})
    monkeypatch.setattr(run_process, "api_cli", lambda command: seen.append(command))
    execute_run("{}", {"OWN": "2"})
    assert seen == [("execute_run", "{}")]
    assert os.environ == {"OWN": "2"}


def test_a_run_loads_changed_code(loaded, monkeypatch):
    started = []
    monkeypatch.setattr(os, "execve", lambda *arguments: started.append(arguments))
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(run_process, "api_cli", lambda _command: None)
    monkeypatch.setattr(run_process, "_LOADED_AT", 0.0)
    execute_run("{}", {"OWN": "2"})
    ((_, command, environment),) = started
    assert command[1:] == ("-m", "dagster", "api", "execute_run", "{}")
    assert environment == {"OWN": "2"}
