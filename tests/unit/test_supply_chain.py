from email.message import Message
from importlib.metadata import PackageMetadata

import pytest

from infra.supply_chain import UNKNOWN, Package, by_licence, installed_packages, licence_of


def metadata(name: str, *fields: tuple[str, str]) -> PackageMetadata:
    message = Message()
    for key, value in (("Name", name), *fields):
        message[key] = value
    return message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            [("License-Expression", "MIT OR Apache-2.0"), ("License", "see below")],
            "MIT OR Apache-2.0",
        ),
        ([("Classifier", "License :: OSI Approved :: BSD License")], "BSD License"),
        (
            [
                ("Classifier", "License :: OSI Approved :: MIT License"),
                ("Classifier", "License :: OSI Approved :: Artistic License"),
                ("License", "MIT"),
            ],
            "Artistic License or MIT License",
        ),
        ([("License", "BSD-3-Clause")], "BSD-3-Clause"),
        ([("License", "a whole text " * 100)], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_the_licence_is_the_most_exact_statement(fields, expected):
    assert licence_of(metadata("anything", *fields)) == expected


def test_a_package_that_declares_no_licence_has_that_of_its_files():
    assert licence_of(metadata("ImageHash")) == "BSD-2-Clause"


def test_packages_are_listed_by_licence():
    one, two = (Package(name, "1", "MIT", frozenset()) for name in ("a", "b"))
    other = Package("c", "1", "0BSD", frozenset())
    assert list(by_licence([one, other, two]).items()) == [("0BSD", [other]), ("MIT", [one, two])]


def test_the_packages_of_this_environment_and_what_they_need_are_found():
    packages = {one.key: one for one in installed_packages()}
    assert {"dagster", "boto3"} <= packages["dagster-aws"].needs
    assert packages["pillow"].version.startswith("13.")
    assert [key for key, one in packages.items() if one.licence == UNKNOWN] == []
