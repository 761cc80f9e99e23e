"""dbt builds the views, and a person of TEAM_ANALYTICS sees them and nothing else."""

from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.access.people import create_person, remove_person
from assets.access.policy import load_policy
from infra.demo.outcome import first_rows
from infra.local.dbt import build, run_dbt

PERSON = "test_analyst"


@pytest.fixture
def built(stack, platform, pictures, sales, tmp_path) -> psycopg.Connection:
    """Builds the views over a few images and sales; returns an analyst's connection."""
    platform.produce([picture.body for picture in pictures[:3]] + [b""])
    platform.land()
    platform.process()
    loader = platform.settings.database_url.get_secret_value()
    database = str(conninfo_to_dict(loader)["dbname"])
    env = stack.environment() | {"DBT_DBNAME": database}
    build(env, outputs=tmp_path)
    # Unit tests of how a table follows changes need its columns, and so the table.
    done = run_dbt(env, "test", "--select", "test_type:unit", outputs=tmp_path)
    assert done.succeeded, done.output[-3000:]
    admin, policy = stack.environment()["DATABASE_ADMIN_URL"], load_policy()
    password = create_person(admin, policy, PERSON, "TEAM_ANALYTICS")
    with psycopg.connect(
        make_conninfo(loader, user=PERSON, password=password), autocommit=True
    ) as analyst:
        yield analyst
    remove_person(admin, policy, PERSON)


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
    built.execute("set default_transaction_read_only = off")  # anybody may: it protects nothing
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        built.execute("create table analytics.mine (x int)")
