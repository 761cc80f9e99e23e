"""Why an image was rejected and what its sender should do, in sentences.

The texts are a variable of the dbt project, so that `analytics.view_image_rejections` and the
upload API show the same ones, and a reader of the view locks no table that a build must write.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from assets.validation.reasons import Reason
from assets.yaml_files import read_yaml

_DBT_PROJECT = Path(__file__).parents[2] / "dbt_project" / "dbt_project.yml"


class _Variables(BaseModel):
    rejection_reasons: list[tuple[Reason, str, str]]


class _Project(BaseModel):
    vars: _Variables


@cache
def rejection_texts() -> Mapping[Reason, str]:
    """Returns explanation and advice for each rejection reason, as one text.

    Raises `pydantic.ValidationError` when the project names an unknown reason.
    """
    entries = _Project.model_validate(read_yaml(_DBT_PROJECT)).vars.rejection_reasons
    return {reason: f"{explanation} {advice}" for reason, explanation, advice in entries}
