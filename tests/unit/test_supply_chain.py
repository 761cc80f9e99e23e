import json

import pytest

from infra.supply_chain import UNKNOWN, packages_by_licence


def bill(name: str, *licences: dict) -> str:
    return json.dumps({"components": [{"name": name, "version": "1.0", "licenses": licences}]})


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ([{"license": {"id": "MIT"}}], "MIT"),
        ([{"expression": "MIT OR Apache-2.0"}], "MIT OR Apache-2.0"),
        ([{"license": {"name": "License :: OSI Approved :: BSD License"}}], "BSD License"),
        (
            [
                {"license": {"name": "License :: OSI Approved :: MIT License"}},
                {"license": {"id": "MIT"}},
            ],
            "MIT",
        ),
        ([{"license": {"name": "a text " * 100}}], ("a text " * 100)[:80]),
        ([], UNKNOWN),
    ],
)
def test_the_licence_of_a_package(licences, expected):
    assert packages_by_licence(bill("anything", *licences)) == {expected: ["anything 1.0"]}


def test_a_package_that_declares_no_licence_has_that_of_its_files():
    assert packages_by_licence(bill("protobuf")) == {"BSD-3-Clause": ["protobuf 1.0"]}
