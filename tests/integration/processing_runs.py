"""BatchRunner runs as processes of their own, as a launcher for many machines starts them."""

import json
import os
import subprocess
import sys

from pydantic import SecretStr

from tests.integration.conftest import Platform

_PROGRAM = """
import json, sys
from datetime import UTC, datetime, timedelta
from assets.platform import Platform
from assets.processing.batch_runner import BatchRunner
from assets.processing.recipe import read_recipe
from assets.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    recipe, lease = read_recipe(settings.image_recipe), timedelta(seconds=float(sys.argv[2]))
    run = BatchRunner(Platform.from_settings(settings), recipe, lease)
    summary = run.run(datetime.now(UTC).date(), sys.argv[1])
    print(json.dumps({"images": summary.images, "lost": summary.lost}))
"""


def start_run(
    platform: Platform, run_id: str, lease_seconds: float = 60, **settings: object
) -> subprocess.Popen[str]:
    values = platform.settings.model_copy(update=settings).model_dump(exclude_none=True)
    variables = {
        name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
    }
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, run_id, str(lease_seconds)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )


def end_of(run: subprocess.Popen[str]) -> dict[str, int]:
    """What a run says of itself when it has ended well."""
    said, _ = run.communicate(timeout=180)
    assert run.returncode == 0
    return json.loads(said)


def assert_bucket_is_what_the_catalogue_says(platform: Platform) -> None:
    rows = platform.query("select object_key from image_catalog.rendition")
    assert platform.keys(platform.settings.processed_bucket) == {key for (key,) in rows}
