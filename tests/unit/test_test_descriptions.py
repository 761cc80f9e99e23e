"""What a dbt test checks, as a sentence, and which tests hold up other models."""

from typing import Any

import pytest

from assets.analytics.test_descriptions import describe_test, is_blocking

MODEL = "model.darkroom.stg_items"
MANIFEST = {"child_map": {MODEL: ["model.darkroom.view_items"], "model.darkroom.view_items": []}}


def generic(name: str, **arguments: object) -> dict[str, Any]:
    return {"name": "x", "test_metadata": {"name": name, "kwargs": arguments}}


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        (generic("not_null", column_name="item_id"), "Every row has a value in item_id."),
        (generic("unique", column_name="item_id"), "No two rows have the same item_id."),
        (
            generic("accepted_values", column_name="state", values=["on", "off"]),
            "state is one of on, off.",
        ),
        (
            generic("relationships", column_name="item_id", to="ref('stg_items')", field="id"),
            "Every item_id is the id of a row of stg_items.",
        ),
        ({"name": "no_item_is_sold_twice"}, "No item is sold twice."),
        ({"name": "x", "description": "Written by hand."}, "Written by hand."),
    ],
)
def test_every_test_is_described_by_a_sentence(test: dict[str, Any], sentence: str) -> None:
    assert describe_test(test) == sentence


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"config": {"severity": "WARN"}}, False),
        ({"tags": ["full_scan"]}, False),
        ({"attached_node": "model.darkroom.view_items"}, False),
        ({"attached_node": None}, False),
    ],
)
def test_only_an_error_of_a_model_that_others_read_is_blocking(
    changes: dict[str, Any], expected: bool
) -> None:
    test = {"tags": [], "config": {"severity": "error"}, "attached_node": MODEL} | changes
    assert is_blocking(MANIFEST, test) is expected
