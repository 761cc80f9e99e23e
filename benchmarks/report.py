"""Where measurements go: `.local/reports/<name>.json`, flat keys and numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / ".local" / "reports"


def write_report(name: str, figures: Mapping[str, float]) -> Path:
    """Writes the figures of one measurement and returns the file."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    path = _FOLDER / f"{name}.json"
    rounded = {key: round(value, 4) for key, value in figures.items()}
    path.write_text(json.dumps(rounded, indent=2) + "\n")
    return path
