"""The OpenAPI document is right: what it promises is held, and what it does not is refused."""

import os
import subprocess
import sys
from pathlib import Path

import requests

from services.upload_api.problems import MEDIA_TYPE
from tests.upload_client import Api

PROJECT = Path(__file__).parents[2]
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 20


def test_schemathesis_finds_nothing(serve, platform, tmp_path):
    api = serve(upload_requests_per_minute=1_000_000)
    configuration = f'[auth.openapi.ApiKey]\nbearer = "{api.key}"\n'
    (tmp_path / "schemathesis.toml").write_text(configuration)
    done = subprocess.run(
        [
            str(SCHEMATHESIS),
            "run",
            f"{api.address}/openapi.json",
            *("--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"),
        ],
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.integration.openapi_hooks",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "7 selected / 7 total" in done.stdout
    assert platform.states()["waiting"] > 10


def test_every_problem_that_can_be_answered_is_documented_as_one(shared_upload_api: Api):
    document = requests.get(f"{shared_upload_api.address}/openapi.json", timeout=10).json()
    operations = {
        operation["operationId"]: operation["responses"]
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert len(operations) == 7
    for responses in operations.values():
        problems = {status: said for status, said in responses.items() if int(status) >= 400}
        assert "500" in problems
        for said in problems.values():
            assert said["content"] == {
                MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
    sender = {"401", "408", "409", "410", "413", "415", "422", "429", "500", "503", "507"}
    assert operations["send_image"].keys() == {"200", "201", "202"} | sender
