"""One number of hours decides: the dbt cutoff, the lifecycle rules and the check follow it."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from assets.retention.checks import age_result
from assets.settings import Settings
from infra.local import dbt
from infra.object_store.buckets import EXPIRE, wanted_rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUTOFF = "select pg_get_viewdef('staging.stg_image_catalog__{}'::regclass)"


@pytest.mark.parametrize(("hours", "days"), [("168", 7), ("25", 2), ("24", 1)])
def test_the_lifecycle_rules_and_the_check_follow_the_setting(stack, hours, days):
    settings = Settings.of(stack.environment() | {"RETENTION_HOURS": hours})
    for rules in wanted_rules(settings).values():
        [rule] = [rule for rule in rules if rule["ID"] == EXPIRE]
        assert rule["Expiration"] == {"Days": days}
    oldest = {"raw_object": NOW - timedelta(hours=int(hours))}
    assert not age_result(oldest, NOW, settings, are_messages_judged=True).passed
    younger = {"raw_object": NOW - timedelta(hours=int(hours) * 0.9)}
    assert age_result(younger, NOW, settings, are_messages_judged=True).passed


def test_the_cutoff_of_dbt_follows_the_setting(own_warehouse, tmp_path):
    env = own_warehouse | {"RETENTION_HOURS": "25"}
    dbt.build(env, "--select", "staging.image_catalog", outputs=tmp_path)
    user, password = env["DBT_USER"], env["DBT_ENV_SECRET_PASSWORD"]
    with psycopg.connect(env["DATABASE_URL"], user=user, password=password) as connection:
        for name in ("images", "renditions"):
            [(definition,)] = connection.execute(CUTOFF.format(name))
            assert "make_interval(hours => 25)" in definition
