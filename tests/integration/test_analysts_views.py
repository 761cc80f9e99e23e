"""dbt builds the views, and a person of TEAM_ANALYTICS sees them and nothing else."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.demo.outcome import first_rows
from infra.local.dagster import DBT_PROJECT
from infra.postgres.bootstrap import make_person

PERSON, PASSWORD = "test_analyst", "only-for-this-test"


@pytest.fixture
def built(stack, platform, pictures, sales, tmp_path) -> psycopg.Connection:
    """Builds the views over a few images and sales; returns an analyst's connection."""
    platform.produce([picture.body for picture in pictures[:3]] + [b""])
    platform.land()
    platform.process()
    loader = platform.settings.database_url.get_secret_value()
    database = str(conninfo_to_dict(loader)["dbname"])
    build(stack.environment() | {"DBT_DBNAME": database}, tmp_path)
    make_person(stack.environment()["DATABASE_ADMIN_URL"], PERSON, "TEAM_ANALYTICS", PASSWORD, {})
    with psycopg.connect(
        make_conninfo(loader, user=PERSON, password=PASSWORD), autocommit=True
    ) as analyst:
        yield analyst


def build(env: dict[str, str], target: Path) -> None:
    dbt = Path(sys.executable).with_name("dbt")
    folders = ["--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT]
    outputs = ["--target-path", target, "--log-path", target]
    done = subprocess.run(
        [dbt, "build", *folders, *outputs], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_an_analyst_sees_the_views_and_nothing_else(built):
    today = datetime.now(UTC).date()
    [images] = first_rows(built, "view_image_daily_summary", "arrived_on", 5)
    assert (images["arrived_on"], images["source"]) == (today, "kafka")
    assert (images["processed_images"], images["rejected_images"]) == (3, 1)
    [rejection] = first_rows(built, "view_image_rejections", "reason_code", 5)
    assert rejection["reason_code"] == "empty"
    members = first_rows(built, "view_member_sales_summary", "total_spent desc nulls last", 500)
    assert len(members) == 200
    shown = {column for member in members for column in member}
    assert shown.isdisjoint({"email_addr", "email", "mobile_no", "mobile", "birth_dt", "birth_on"})
    for relation in (
        "image_catalog.image",
        "retention.purge_receipt",
        "staging.stg_assessment__members",
        '"ASSESSMENT"."TB_MEMBERSHIP"',
        '"ASSESSMENT"."TB_TRANSACTION"',
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            built.execute(f"select 1 from {relation}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        built.execute("create table analytics.mine (x int)")
