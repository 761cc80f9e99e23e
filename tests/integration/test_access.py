"""The access file and a real warehouse: applying, drift of every kind, and the asset check."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

import dagster as dg
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.access.checks import grants_match_the_access_file
from assets.access.drift import Applied, Drift, apply, read_drift
from assets.access.policy import Policy, load_policy, validate_policy
from assets.errors import AccessError
from assets.platform import Platform
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from infra.local.dbt import DBT_PROJECT, parse_dbt_project
from infra.local.warehouses import copy_of_warehouse
from tests.integration.conftest import People


@pytest.fixture
def granting(stack, own_warehouse) -> str:
    """The connection that `darkroom access apply` uses, which may grant everything."""
    return make_conninfo(stack.granting_conninfo(), dbname=own_warehouse["DBT_DBNAME"])


@pytest.fixture
def admin(own_warehouse) -> Iterator[psycopg.Connection]:
    with psycopg.connect(own_warehouse["DATABASE_ADMIN_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def analyst(people) -> str:
    """The login name of somebody in TEAM_ANALYTICS."""
    return name_of(people.join("TEAM_ANALYTICS"))


def name_of(conninfo: str) -> str:
    return str(conninfo_to_dict(conninfo)["user"])


def drift_of(env: dict[str, str], policy: Policy) -> Drift:
    """What differs, read by the loading role as the asset check does."""
    with Warehouse(env["DATABASE_URL"]).connect() as connection:
        return read_drift(connection, policy)


def extra(drift: Drift) -> set[str]:
    return {str(fact) for fact in drift.extra}


def missing(drift: Drift) -> set[str]:
    return {str(fact) for fact in drift.missing}


def test_a_fresh_warehouse_has_no_drift(own_warehouse, policy):
    assert drift_of(own_warehouse, policy).differences == ()


def test_a_second_application_changes_nothing(granting, superuser, policy):
    superuser.execute('revoke select on "ASSESSMENT"."TB_ITEM" from "TEAM_SALES"')
    first = apply(granting, policy)
    assert [str(fact) for fact in first.granted] == ["TEAM_SALES has SELECT on ASSESSMENT.TB_ITEM"]
    second = apply(granting, policy)
    assert (second.granted, second.revoked, second.left.differences) == ((), (), ())


def test_a_warehouse_without_any_grant_gets_all_of_them(granting, own_warehouse, superuser, policy):
    database = own_warehouse["DBT_DBNAME"]
    for role in ("TEAM_LOGISTICS", "TEAM_ANALYTICS", "TEAM_SALES", "darkroom_loader"):
        superuser.execute(f'revoke all on database {database} from "{role}"')
        for schema in ("ASSESSMENT", "change_queue", "image_catalog", "retention", "analytics"):
            superuser.execute(f'revoke all on all tables in schema "{schema}" from "{role}"')
            superuser.execute(f'revoke all on all routines in schema "{schema}" from "{role}"')
            superuser.execute(f'revoke all on schema "{schema}" from "{role}"')
    as_admin = own_warehouse | {"DATABASE_URL": own_warehouse["DATABASE_ADMIN_URL"]}
    assert len(drift_of(as_admin, policy).missing) > 50
    assert apply(granting, policy).left.differences == ()


def test_a_role_that_the_server_lacks_is_reported(granting, own_warehouse, policy):
    more = policy.model_dump(exclude_none=True)
    more["teams"]["TEAM_NOBODY"] = more["teams"]["TEAM_SALES"]
    with pytest.raises(AccessError, match="names TEAM_NOBODY, which the server does not have"):
        apply(granting, validate_policy(more))


def test_a_table_that_the_warehouse_lacks_is_reported(own_warehouse, superuser, policy):
    superuser.execute("drop table change_queue.changed_item")
    assert "change_queue.changed_item exists" in missing(drift_of(own_warehouse, policy))


EXTRA = [
    (
        'grant select on "ASSESSMENT"."TB_MEMBERSHIP" to "TEAM_SALES"',
        "TEAM_SALES has SELECT on ASSESSMENT.TB_MEMBERSHIP",
    ),
    (
        'grant select ("EMAIL_ADDR") on "ASSESSMENT"."TB_MEMBERSHIP" to "TEAM_LOGISTICS"',
        "TEAM_LOGISTICS has SELECT(EMAIL_ADDR) on ASSESSMENT.TB_MEMBERSHIP",
    ),
    (
        'grant truncate on "ASSESSMENT"."TB_ITEM" to "TEAM_SALES"',
        "TEAM_SALES has TRUNCATE on ASSESSMENT.TB_ITEM",
    ),
    (
        "grant select on image_catalog.image to public",
        "PUBLIC has SELECT on image_catalog.image",
    ),
    (
        "grant execute on function image_catalog.ensure_day(date) to public",
        "PUBLIC has EXECUTE on image_catalog.ensure_day(date)",
    ),
    (
        'grant usage on sequence change_queue.booking_batch to "TEAM_SALES"',
        "TEAM_SALES has USAGE on change_queue.booking_batch",
    ),
    (
        'grant create on schema analytics to "TEAM_ANALYTICS"',
        "TEAM_ANALYTICS has CREATE on schema analytics",
    ),
    ("grant usage on schema public to public", "PUBLIC has USAGE on schema public"),
    (
        "grant select on image_catalog.image to darkroom_loader with grant option",
        "darkroom_loader may grant others SELECT on image_catalog.image",
    ),
    (
        'alter default privileges for role darkroom_owner in schema "ASSESSMENT" '
        'grant select on tables to "TEAM_SALES"',
        "TEAM_SALES has SELECT on all future tables of darkroom_owner in ASSESSMENT",
    ),
    (
        "alter default privileges for role darkroom_owner grant execute on functions to public",
        "PUBLIC has EXECUTE on all future routines of darkroom_owner",
    ),
    (
        "grant select on image_catalog.image to {person}",
        "{person} has SELECT on image_catalog.image",
    ),
    ("grant darkroom_builder to {person}", "{person} has the rights of darkroom_builder"),
    ('grant "TEAM_ANALYTICS" to {person} with set true', "{person} can become TEAM_ANALYTICS"),
    (
        'grant "TEAM_ANALYTICS" to {person} with admin true',
        "{person} can admit others to TEAM_ANALYTICS",
    ),
    ("alter role {person} createrole", "{person} is CREATEROLE"),
    ("alter role {person} superuser", "{person} is SUPERUSER"),
    ("alter role {person} bypassrls", "{person} is BYPASSRLS"),
    ("alter role {person} createdb", "{person} is CREATEDB"),
    ("alter role darkroom_loader replication", "darkroom_loader is REPLICATION"),
    ("alter role darkroom_owner login", "darkroom_owner is LOGIN"),
    ("grant pg_read_all_data to {person}", "{person} has the rights of pg_read_all_data"),
    ("grant darkroom_owner to darkroom_loader", "darkroom_loader can become darkroom_owner"),
    (
        "grant darkroom_owner to darkroom_admin with admin true, inherit false, set false",
        "darkroom_admin can admit others to darkroom_owner",
    ),
    (
        'grant set on parameter session_replication_role to "TEAM_SALES"',
        "TEAM_SALES has SET on parameter session_replication_role",
    ),
    (
        'grant execute on function pg_read_file(text) to "TEAM_SALES"',
        "TEAM_SALES has EXECUTE on pg_catalog.pg_read_file(text)",
    ),
    (
        "grant execute on function pg_advisory_lock(bigint) to public",
        "PUBLIC has EXECUTE on pg_catalog.pg_advisory_lock(bigint)",
    ),
    (
        'grant select on "ASSESSMENT"."TB_AUDIT_LOG" to "TEAM_SALES"',
        "TEAM_SALES has SELECT on ASSESSMENT.TB_AUDIT_LOG",
    ),
    ('alter role "TEAM_SALES" login', "TEAM_SALES is LOGIN"),
    ("alter role {person} set role = 'x'", "{person} starts sessions with role = x"),
    (
        "alter role {person} in database {database} set statement_timeout = 0",
        "{person} starts sessions in database {database} with statement_timeout = 0",
    ),
]


@dataclass(frozen=True)
class Revocation:
    """What is found and done about all extra rights at once, first without the request to revoke.

    Attributes:
        facts: The fact that each change makes true.
    """

    facts: dict[str, str]
    found: Drift
    kept: Applied
    revoked: Applied
    left: Drift


@pytest.fixture(scope="module")
def revocation(stack) -> Iterator[Revocation]:
    policy, facts = load_policy(), {}
    with copy_of_warehouse(stack, "test_extra_rights") as env:
        database, people = env["DBT_DBNAME"], People(env, policy)
        with psycopg.connect(stack.superuser_conninfo(database), autocommit=True) as superuser:
            for change, fact in EXTRA:
                names = {"person": name_of(people.join("TEAM_ANALYTICS")), "database": database}
                superuser.execute(change.format(**names))
                facts[change] = fact.format(**names)
        granting = make_conninfo(stack.granting_conninfo(), dbname=database)
        found = drift_of(env, policy)
        kept, revoked = apply(granting, policy), apply(granting, policy, revoke=True)
        yield Revocation(facts, found, kept, revoked, drift_of(env, policy))
        people.leave()


@pytest.mark.parametrize("change", dict(EXTRA), ids=lambda change: change[:60])
def test_an_extra_right_is_found_and_revoked_on_request(revocation, change):
    fact = revocation.facts[change]
    assert fact in extra(revocation.found)
    assert fact in extra(revocation.kept.left)
    assert fact in {str(one) for one in revocation.revoked.revoked}


def test_nothing_is_revoked_without_the_request_and_nothing_is_left_with_it(revocation):
    assert revocation.kept.revoked == ()
    assert revocation.revoked.left.differences == ()
    assert revocation.left.differences == ()


@pytest.mark.parametrize(
    ("change", "fact", "undo"),
    [
        (
            'alter table "ASSESSMENT"."TB_AUDIT_LOG" owner to darkroom_admin',
            "darkroom_admin owns ASSESSMENT.TB_AUDIT_LOG",
            'alter table "ASSESSMENT"."TB_AUDIT_LOG" owner to darkroom_owner',
        ),
        (
            "alter table change_queue.changed_item owner to {person}",
            "{person} owns change_queue.changed_item",
            "alter table change_queue.changed_item owner to darkroom_owner",
        ),
    ],
    ids=lambda value: value[:60],
)
def test_another_owner_is_left_for_somebody_to_decide(
    granting, own_warehouse, analyst, superuser, policy, change, fact, undo
):
    superuser.execute(change.format(person=analyst))
    try:
        fact = fact.format(person=analyst)
        assert fact in extra(drift_of(own_warehouse, policy))
        asked = apply(granting, policy, revoke=True)
        assert fact in extra(asked.left)
        assert fact not in {str(one) for one in asked.revoked}
    finally:
        superuser.execute(undo.format(person=analyst))


def test_the_administrator_may_grant_nothing_and_revoke_nothing(
    own_warehouse, admin, superuser, policy
):
    for statement in (
        'grant select on "ASSESSMENT"."TB_ITEM" to "TEAM_ANALYTICS"',
        "grant usage on schema retention to darkroom_admin",
        "revoke connect on database {database} from darkroom_loader",
    ):
        with suppress(psycopg.errors.InsufficientPrivilege):  # or PostgreSQL only warns
            admin.execute(statement.format(database=own_warehouse["DBT_DBNAME"]))
    assert drift_of(own_warehouse, policy).differences == ()


def test_a_person_in_two_teams_is_found(own_warehouse, analyst, admin, policy):
    admin.execute(f'grant "TEAM_SALES" to {analyst}')
    found = extra(drift_of(own_warehouse, policy))
    assert f"{analyst} is in TEAM_ANALYTICS and TEAM_SALES" in found


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (
            "alter role {person} reset statement_timeout",
            "{person} starts sessions with statement_timeout = 30s",
        ),
        (
            "alter role {person} set default_transaction_read_only = off",
            "{person} starts sessions with default_transaction_read_only = on",
        ),
        ("alter role {person} connection limit -1", "{person} may have 5 sessions"),
        (
            "alter role darkroom_builder reset work_mem",
            "darkroom_builder starts sessions with work_mem = 64MB",
        ),
    ],
)
def test_a_missing_setting_of_a_session_is_found_and_set(
    granting, own_warehouse, analyst, superuser, policy, change, fact
):
    superuser.execute(change.format(person=analyst))
    drift = drift_of(own_warehouse, policy)
    assert (missing(drift), extra(drift)) == ({fact.format(person=analyst)}, set())
    assert apply(granting, policy).left.differences == ()


def test_revoking_a_whole_table_leaves_the_columns_that_the_file_gives(
    granting, own_warehouse, superuser, policy
):
    superuser.execute('grant select on "ASSESSMENT"."TB_MEMBERSHIP" to "TEAM_LOGISTICS"')
    asked = apply(granting, policy, revoke=True)
    assert (len(asked.revoked), asked.left.differences) == (1, ())


def platform_of(env: dict[str, str]) -> Platform:
    return Platform.from_settings(Settings.of(env))


def test_the_asset_check_is_green_without_drift(own_warehouse):
    assert grants_match_the_access_file(platform=platform_of(own_warehouse)).passed


def test_the_asset_check_is_red_with_a_table_of_extra_rights(own_warehouse, superuser):
    superuser.execute('grant select on image_catalog.image to "TEAM_SALES"')
    result = grants_match_the_access_file(platform=platform_of(own_warehouse))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert result.metadata["too_much"].value == 1
    assert "TEAM_SALES has SELECT on image_catalog.image" in result.metadata["differences"].value


def test_the_asset_check_warns_of_missing_rights(own_warehouse, superuser):
    superuser.execute('revoke select on "ASSESSMENT"."TB_ITEM" from "TEAM_SALES"')
    result = grants_match_the_access_file(platform=platform_of(own_warehouse))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_dbt_grants_on_every_view_match_the_file(policy):
    parse_dbt_project(os.environ)
    manifest = json.loads((DBT_PROJECT / "target" / "manifest.json").read_text())
    views = {
        f"analytics.{node['name']}": {
            role.strip('"') for role in node["config"]["grants"].get("select", [])
        }
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "analytics"
    }
    assert len(views) > 5
    said = {
        view: {
            name
            for name, holder in policy.holders.items()
            for pattern, rights in holder.relations.items()
            if fnmatchcase(view, pattern) and rights.select
        }
        for view in views
    }
    assert views == said


def test_dbt_grants_nothing_outside_the_marts():
    parse_dbt_project(os.environ)
    manifest = json.loads((DBT_PROJECT / "target" / "manifest.json").read_text())
    granted = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["schema"] != "analytics"
        and node["config"]["grants"]
    ]
    assert granted == []


def test_public_can_execute_nothing_of_ours(superuser):
    found = superuser.execute(
        """
        select pg_proc.oid::regprocedure::text
        from pg_proc
        join pg_namespace on pg_namespace.oid = pronamespace
        where
            nspname !~ '^pg_' and nspname <> 'information_schema'
            and has_function_privilege('public', pg_proc.oid, 'execute')
        """
    ).fetchall()
    assert found == []


def test_a_future_function_is_not_executable_by_public(own_warehouse, owner, policy):
    name = f"made_{uuid.uuid4().hex[:6]}"
    owner.execute(f"create function retention.{name}() returns int language sql as 'select 1'")
    assert drift_of(own_warehouse, policy).differences == ()


def test_every_function_that_runs_as_its_owner_pins_the_search_path(superuser):
    functions = dict(
        superuser.execute(
            """
            select proname::text, (
                select setting from unnest(proconfig) as setting where setting ~ '^search_path='
            )
            from pg_proc
            join pg_namespace on pg_namespace.oid = pronamespace
            where prosecdef and nspname !~ '^pg_' and nspname <> 'information_schema'
            """
        ).fetchall()
    )
    assert {"write_audit", "note_changes", "record_transaction", "drop_day"} <= functions.keys()
    assert set(functions.values()) == {"search_path=pg_catalog, pg_temp"}
