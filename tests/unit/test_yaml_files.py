"""YAML files that people write: what is refused, and what the message says."""

from pathlib import Path

import pytest

from assets.yaml_files import YamlError, parse_yaml, read_yaml


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_bytes("name: Zoë\nsizes: [1, 2]\n".encode())
    assert read_yaml(path) == {"name": "Zoë", "sizes": [1, 2]}


def test_a_key_that_is_repeated_is_refused_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: a\nsteps: []\nname: b\n")
    with pytest.raises(YamlError) as caught:
        read_yaml(path)
    assert str(caught.value) == 'recipe.yaml, line 3: found duplicate key "name".'


def test_a_syntax_error_is_reported_with_file_and_line() -> None:
    with pytest.raises(YamlError, match=r"^topics\.yaml, line 3: .+\.$"):
        parse_yaml("topics:\n  - [1, 2\n", "topics.yaml")


def test_characters_that_yaml_forbids_are_reported_with_the_file() -> None:
    with pytest.raises(YamlError, match=r"^topics\.yaml: .+\.$") as caught:
        parse_yaml("name: \x00\n", "topics.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["!!python/object/apply:os.getcwd []", "&a [*b]"])
def test_only_plain_values_are_accepted(text: str) -> None:
    with pytest.raises(YamlError):
        parse_yaml(text, "recipe.yaml")
