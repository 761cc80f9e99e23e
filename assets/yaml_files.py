"""YAML files that people write: plain values only, and no key twice in one mapping."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from assets.errors import DarkroomError


class YamlError(DarkroomError):
    """The text is not valid YAML, or repeats a key; the message names the file and the line."""


def read_yaml(path: Path) -> object:
    """Reads a UTF-8 file; errors as `parse_yaml`, and `OSError` or `UnicodeDecodeError`."""
    return parse_yaml(path.read_text(encoding="utf-8"), path.name)


def parse_yaml(text: str, name: str) -> object:
    """Parses the text of the file `name`. Raises `YamlError`."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        problem = (error.problem or "invalid YAML").split(" with value")[0]
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise YamlError(f"{name}{line}: {problem}.") from None
    except YAMLError as error:
        raise YamlError(f"{name}: {' '.join(str(error).split())}.") from None
