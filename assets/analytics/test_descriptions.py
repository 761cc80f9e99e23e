"""What a dbt test checks, as a sentence, and whether a failure holds up other models."""

from collections.abc import Mapping
from typing import Any

Node = Mapping[str, Any]

_FULL_SCAN = "full_scan"


def describe_test(test: Node) -> str:
    """Returns the sentence that is true when a test passes.

    A test of the project's own is named as that sentence; dbt's generic tests are not.
    """
    if written := test.get("description") or test.get("meta", {}).get("description"):
        return str(written)
    generic = test.get("test_metadata") or {}
    arguments = generic.get("kwargs", {})
    column = arguments.get("column_name")
    match generic.get("name") if column else None:
        case "not_null":
            return f"Every row has a value in {column}."
        case "unique":
            return f"No two rows have the same {column}."
        case "accepted_values":
            return f"{column} is one of {', '.join(map(str, arguments['values']))}."
        case "relationships":
            model = str(arguments["to"]).removeprefix("ref('").removesuffix("')")
            return f"Every {column} is the {arguments['field']} of a row of {model}."
        case _:
            return f"{str(test['name']).replace('_', ' ').capitalize()}."


def is_blocking(manifest: Mapping[str, Any], test: Node) -> bool:
    """Tells whether `dbt build` skips other models when a test fails.

    A test that only warns holds nothing up, nor does one that runs apart from the builds, nor one
    of a model that no other model reads.
    """
    config = test.get("config", {})
    if str(config.get("severity") or "error").lower() != "error" or _FULL_SCAN in test["tags"]:
        return False
    children = manifest["child_map"].get(test.get("attached_node"), ())
    return any(child.startswith("model.") for child in children)
