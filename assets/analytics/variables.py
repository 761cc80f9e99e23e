"""What the dbt project needs to know of the platform's settings."""

import json

from assets.settings import RetentionSettings


def dbt_variables(settings: RetentionSettings) -> tuple[str, str]:
    """Returns the arguments that give dbt its variables; the project has no defaults for them."""
    return "--vars", json.dumps({"retention_hours": settings.retention_hours})
