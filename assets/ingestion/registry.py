"""The registry of ingestion sources: one line per source."""

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from assets.errors import DarkroomError
from assets.ingestion.source import IngestionSource, ParsedKey

PACKAGES = ("assets.ingestion.kafka", "assets.ingestion.bucket", "assets.ingestion.upload")
"""The packages of the sources. Named, not imported: the sources themselves use this registry."""


class UnknownSourceError(DarkroomError):
    """There is no ingestion source of that name."""


def sources() -> tuple[IngestionSource, ...]:
    """Returns all ingestion sources."""
    return _load(PACKAGES)


def source_names() -> tuple[str, ...]:
    """Returns the names of all ingestion sources, as people choose them."""
    return tuple(source.name for source in sources())


def source_named(name: str | None) -> str | None:
    """Returns the name of a source as it is; None, for all sources, likewise.

    Raises `UnknownSourceError` when there is no such source.
    """
    if name is not None and name not in source_names():
        raise UnknownSourceError(
            f"There is no source “{name}”; choose one of {', '.join(source_names())}."
        )
    return name


def parse_key(key: str) -> tuple[IngestionSource, ParsedKey] | None:
    """Returns the source whose format a key of the raw bucket has, and what the key says.

    None: whatever is under such a key is a drop.
    """
    for source in sources():
        if source.read_key is not None and (parsed := source.read_key(key)) is not None:
            return source, parsed
    return None


def hourly_folders() -> tuple[str, ...]:
    """Returns the folders of the raw bucket that have `YYYY-MM-DD/HH/` below them."""
    return tuple(source.hourly_folder for source in sources() if source.hourly_folder)


def dagster_modules() -> tuple[ModuleType, ...]:
    """Imports the modules that hold assets and asset checks of the sources."""
    names = (f"{package}.assets" for package in PACKAGES)
    return tuple(import_module(name) for name in names if find_spec(name))


@lru_cache
def _load(packages: tuple[str, ...]) -> tuple[IngestionSource, ...]:
    found = tuple(import_module(f"{package}.source").SOURCE for package in packages)
    if not all(isinstance(source, IngestionSource) for source in found):
        raise TypeError(f"SOURCE must be an IngestionSource in each of {', '.join(packages)}.")
    return found
