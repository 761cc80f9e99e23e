"""What the platform is made of: the installed packages with their versions and licences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageMetadata, distributions
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from assets.errors import StackError

UNKNOWN: Final = "not declared"
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST_NAME = 60
# Packages whose metadata declares no licence; these are in the files that they come with.
_READ_FROM_FILES = {
    "antlr4-python3-runtime": "BSD-3-Clause",
    "axe-playwright-python": "MIT",
    "ImageHash": "BSD-2-Clause",
}


@dataclass(frozen=True)
class Package:
    """An installed package; its licence is an SPDX expression or what its metadata calls it."""

    name: str
    version: str
    licence: str
    needs: frozenset[str]

    @property
    def key(self) -> str:
        """Its normalised name."""
        return canonicalize_name(self.name)


def installed_packages() -> list[Package]:
    """Returns the packages of this Python environment by name; `needs` has normalised names."""
    found = (
        Package(one.name, one.version, licence_of(one.metadata), frozenset(_needs(one)))
        for one in distributions()
    )
    return sorted({one.key: one for one in found}.values(), key=lambda one: one.key)


def by_licence(packages: Sequence[Package]) -> Mapping[str, list[Package]]:
    """Returns packages by their licence, in alphabetical order."""
    found = defaultdict[str, list[Package]](list)
    for package in packages:
        found[package.licence].append(package)
    return dict(sorted(found.items()))


def licence_of(metadata: PackageMetadata) -> str:
    """Returns the licence that a package's metadata declares, the most exact statement of it.

    Source: Python packaging specifications, “Core metadata”.
    """
    for expression in metadata.get_all("License-Expression", []):
        return str(expression)
    classifiers = [str(one) for one in metadata.get_all("Classifier", [])]
    names = {one.removeprefix(_CLASSIFIER) for one in classifiers if one.startswith(_CLASSIFIER)}
    if names:
        return " or ".join(sorted(names))
    for declared in metadata.get_all("License", []):
        if 0 < len(declared) <= _LONGEST_NAME:
            return str(declared)
    return _READ_FROM_FILES.get(metadata["Name"], UNKNOWN)


def bill_of_materials(packages: Sequence[Package]) -> str:
    """Returns the bill of materials of packages: CycloneDX 1.6 as JSON.

    Raises `StackError` when the library for the format is not installed.
    """
    try:
        from cyclonedx.factory.license import LicenseFactory
        from cyclonedx.model.bom import Bom
        from cyclonedx.model.component import Component
        from cyclonedx.output import make_outputter
        from cyclonedx.schema import OutputFormat, SchemaVersion
        from packageurl import PackageURL
    except ImportError as error:
        raise StackError(
            "cyclonedx-python-lib is not installed; install it with `make setup-check`."
        ) from error
    factory = LicenseFactory()
    components = {
        one.key: Component(
            name=one.name,
            version=one.version,
            licenses=[factory.make_from_string(one.licence)],
            purl=PackageURL("pypi", name=one.key, version=one.version),
            bom_ref=f"{one.key}=={one.version}",
        )
        for one in packages
    }
    bill = Bom(components=components.values())
    for one in packages:
        bill.register_dependency(
            components[one.key], [components[name] for name in one.needs if name in components]
        )
    return make_outputter(bill, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


def _needs(distribution: Distribution) -> set[str]:
    """Returns what a package needs in this environment, without its extras."""
    wanted = map(Requirement, distribution.requires or [])
    return {
        canonicalize_name(one.name)
        for one in wanted
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }
