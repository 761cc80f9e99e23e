"""The report tries everything as everybody, tells truth from drift, and leaves no trace."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from rich.console import Console

from assets.access.policy import load_policy
from assets.access.report import Outcome, Report, Result, make_report
from assets.access.subjects import subjects
from assets.errors import AccessError
from cli.access import print_report
from infra.demo.sales.seed import SCALES, seed
from infra.local.dbt import run_dbt
from infra.local.warehouses import copy_of_warehouse

Execute = Callable[[str], psycopg.Cursor]

TRACES = """
    select
        (select count(*) from "ASSESSMENT"."TB_AUDIT_LOG"),
        (select count(*) from "ASSESSMENT"."TB_TRANSACTION"),
        (select count(*) from change_queue.changed_transaction),
        (select count(*) from staging.int_members__summed),
        (select array_agg(last_value::text order by sequencename) from pg_sequences),
        (select count(*) from pg_class where relname = 'access_probe'),
        (select count(*) from pg_largeobject_metadata)
"""
PEOPLE = "select rolname from pg_roles where rolname ~ '^report_'"


@pytest.fixture(scope="module")
def built(stack, tmp_path_factory) -> Iterator[dict[str, str]]:
    """A warehouse with sales and with the views that dbt makes of them."""
    with copy_of_warehouse(stack, "test_access_report") as env:
        with psycopg.connect(env["DATABASE_OWNER_URL"], autocommit=True) as admin:
            seed(admin, SCALES["demo"], lambda _: None)
        done = run_dbt(env, "run", outputs=tmp_path_factory.mktemp("dbt"))
        assert done.succeeded, done.output[-3000:]
        yield env


@pytest.fixture
def superuser(stack, built) -> Iterator[Execute]:
    conninfo = stack.superuser_conninfo(built["DBT_DBNAME"])
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection.execute


@pytest.fixture(scope="module")
def report(built) -> Report:
    return make_report(built, load_policy())


def lines_of(report: Report, width: int = 160, *, verbose: bool = True) -> list[str]:
    output = io.StringIO()
    print_report(Console(file=output, width=width), report, verbose)
    return output.getvalue().splitlines()


def contradicted(result: Result) -> Result:
    attempt = replace(result.attempt, is_allowed=not result.attempt.is_allowed)
    return replace(result, attempt=attempt)


def temporary_people(superuser: Execute) -> list[str]:
    return [name for (name,) in superuser(PEOPLE)]


def test_every_attempt_has_the_outcome_that_the_file_states(report):
    assert [str(mismatch) for mismatch in report.mismatches] == []


def test_it_makes_thousands_of_attempts_as_every_kind_of_subject(report):
    assert report.titles == (
        *("logistics", "analytics", "sales", "no team", "loader", "uploader", "builder"),
    )
    for title in set(report.titles) - {"no team"}:
        tried = [result for result in report.results if result.subject == title]
        assert len(tried) > 400
        assert {result.outcome for result in tried} == {Outcome.ALLOWED, Outcome.DENIED}


def test_every_relation_is_tried_five_ways_by_every_team(report, superuser):
    relations = {
        f"{schema}.{name}"
        for schema, name in superuser(
            "select schemaname, tablename from pg_tables where schemaname !~ '^(pg_|information)' "
            "union all "
            "select schemaname, viewname from pg_views where schemaname !~ '^(pg_|information)'"
        )
    }
    tried = {
        (result.attempt.on, result.attempt.action)
        for result in report.results
        if result.subject == "analytics"
        and result.attempt.section == "relations"
        and result.attempt.column is None
    }
    actions = ("select", "insert", "update", "delete", "truncate")
    assert tried == {(relation, action) for relation in relations for action in actions}


def test_every_column_of_the_sales_tables_is_tried_three_ways(report, superuser):
    columns = superuser(
        "select table_schema || '.' || table_name, column_name from information_schema.columns "
        "where table_schema = 'ASSESSMENT'"
    ).fetchall()
    tried = {
        (result.attempt.on, result.attempt.column, result.attempt.action)
        for result in report.results
        if result.subject == "sales" and result.attempt.column
    }
    assert len(columns) > 40
    for action in ("select", "insert", "update"):
        assert {(on, column, action) for on, column in columns} <= tried


def test_a_role_without_a_team_cannot_connect(report):
    tried = [result for result in report.results if result.subject == "no team"]
    assert {result.attempt.action for result in tried} == {"connect to"}
    assert {result.outcome for result in tried} == {Outcome.DENIED}


CHANGES = [
    (
        'grant select ("EMAIL_ADDR") on "ASSESSMENT"."TB_MEMBERSHIP" to "TEAM_LOGISTICS"',
        'revoke select ("EMAIL_ADDR") on "ASSESSMENT"."TB_MEMBERSHIP" from "TEAM_LOGISTICS"',
        "logistics, select ASSESSMENT.TB_MEMBERSHIP (EMAIL_ADDR): the file says denied, "
        "PostgreSQL allowed.",
    ),
    (
        'grant delete on image_catalog.image to "TEAM_ANALYTICS"; '
        'grant usage on schema image_catalog to "TEAM_ANALYTICS"',
        'revoke delete on image_catalog.image from "TEAM_ANALYTICS"; '
        'revoke usage on schema image_catalog from "TEAM_ANALYTICS"',
        "analytics, delete image_catalog.image: the file says denied, PostgreSQL allowed.",
    ),
    (
        'grant execute on procedure "ASSESSMENT".retire_item(bigint) to public',
        'revoke execute on procedure "ASSESSMENT".retire_item(bigint) from public',
        "logistics, execute ASSESSMENT.retire_item(bigint): the file says denied, PostgreSQL "
        "allowed: Give the number of the item.",
    ),
    (
        'grant truncate on "ASSESSMENT"."TB_ITEM" to "TEAM_SALES"',
        'revoke truncate on "ASSESSMENT"."TB_ITEM" from "TEAM_SALES"',
        "sales, truncate ASSESSMENT.TB_ITEM: the file says denied, PostgreSQL allowed: "
        "cannot truncate a table referenced in a foreign key constraint.",
    ),
    (
        "grant create on schema analytics to public",
        "revoke create on schema analytics from public",
        "sales, create a table in analytics: the file says denied, PostgreSQL allowed.",
    ),
    (
        'grant pg_execute_server_program to "TEAM_SALES"',
        'revoke pg_execute_server_program from "TEAM_SALES"',
        "sales, run a program on the server: the file says denied, PostgreSQL allowed.",
    ),
    (
        'grant select on analytics.view_item_catalogue to "TEAM_LOGISTICS"',
        'revoke select on analytics.view_item_catalogue from "TEAM_LOGISTICS"',
        "logistics, select analytics.view_item_catalogue: the file says denied, PostgreSQL "
        "allowed.",
    ),
    (
        'grant "TEAM_LOGISTICS" to darkroom_loader',
        'revoke "TEAM_LOGISTICS" from darkroom_loader',
        "loader, become TEAM_LOGISTICS: the file says denied, PostgreSQL allowed.",
    ),
    (
        "grant execute on function lo_create(oid) to public",
        "revoke execute on function lo_create(oid) from public",
        "analytics, create a large object: the file says denied, PostgreSQL allowed.",
    ),
    (
        "alter role darkroom_builder reset work_mem",
        "alter role darkroom_builder set work_mem = '64MB'",
        "builder, start with work_mem = 64MB: the file says allowed, PostgreSQL denied: it is 4MB.",
    ),
    (
        'grant update ("STATUS_CD") on "ASSESSMENT"."TB_TRANSACTION" to "TEAM_LOGISTICS"',
        'revoke update ("STATUS_CD") on "ASSESSMENT"."TB_TRANSACTION" from "TEAM_LOGISTICS"',
        "logistics, update ASSESSMENT.TB_TRANSACTION (STATUS_CD): the file says denied, "
        "PostgreSQL allowed.",
    ),
    (
        'revoke select on "ASSESSMENT"."TB_TRANSACTION" from "TEAM_LOGISTICS"',
        'grant select on "ASSESSMENT"."TB_TRANSACTION" to "TEAM_LOGISTICS"',
        "logistics, select ASSESSMENT.TB_TRANSACTION (STATUS_CD): the file says allowed, "
        "PostgreSQL denied: permission denied for table TB_TRANSACTION.",
    ),
    (
        'revoke usage on schema analytics from "TEAM_ANALYTICS"',
        'grant usage on schema analytics to "TEAM_ANALYTICS"',
        "analytics, select analytics.view_daily_sales: the file says allowed, PostgreSQL "
        "denied: permission denied for schema analytics.",
    ),
    (
        "grant connect on database test_access_report to public",
        "revoke connect on database test_access_report from public",
        "no team, connect to test_access_report: the file says denied, PostgreSQL allowed.",
    ),
]


@pytest.fixture(scope="module")
def mismatches(stack, built) -> list[str]:
    """What the report finds when all of this is changed at once."""
    conninfo = stack.superuser_conninfo(built["DBT_DBNAME"])
    with psycopg.connect(conninfo, autocommit=True) as superuser:
        for change, _, _ in CHANGES:
            superuser.execute(change)
        try:
            found = make_report(built, load_policy())
        finally:
            for _, undo, _ in CHANGES:
                superuser.execute(undo)
    return [str(mismatch) for mismatch in found.mismatches]


@pytest.mark.parametrize("sentence", [sentence for _, _, sentence in CHANGES])
def test_a_difference_from_the_file_is_a_mismatch(mismatches, sentence):
    assert [one for one in mismatches if one.startswith(sentence)] != []


def test_a_program_that_cannot_connect_is_a_mismatch(built, superuser):
    superuser("revoke connect on database test_access_report from darkroom_loader")
    try:
        found = make_report(built, load_policy())
    finally:
        superuser("grant connect on database test_access_report to darkroom_loader")
    assert str(found.mismatches[0]).startswith(
        "loader, connect to test_access_report: the file says allowed, PostgreSQL denied: "
    )


def test_the_verdict_is_the_only_line_when_all_is_as_the_file_says(report):
    [verdict] = lines_of(report, 80, verbose=False)
    assert verdict == (
        f"✓ All as the file says: {len(report.results):,} attempts as {', '.join(report.titles)}."
    )


def test_a_verdict_with_mismatches_counts_them_and_they_follow(report):
    wrong = Report(
        report.titles, tuple(map(contradicted, report.results[:300])) + report.results[300:]
    )
    verdict, *mismatches = lines_of(wrong, 80, verbose=False)
    assert verdict.startswith(
        f"✗ Not as the file says: 300 of {len(report.results):,} attempts as "
    )
    assert len(mismatches) == 300
    assert all("the file says" in line for line in mismatches)


@pytest.mark.parametrize("width", [80, 120])
def test_no_name_is_broken_in_the_matrices(report, width):
    words = {word.strip(",") for line in lines_of(report, width) for word in line.split()}
    names = {one.attempt.on.partition(".")[2] for one in report.results if one.attempt.column}
    assert {*names, "view_image_processing_latency", "EMAIL_ADDR"} <= words
    lines = lines_of(report, width)
    assert [line for line in lines if line.startswith("view_")] == []  # all below their schema
    assert not any(
        line.endswith("_") or line.lstrip().startswith("_") for line in lines_of(report, width)
    )


def test_the_matrix_shows_columns_only_where_they_differ(report):
    lines = lines_of(report)
    beneath = lines[
        next(n for n, line in enumerate(lines) if line.split()[:1] == ["TB_MEMBERSHIP"]) :
    ]
    assert any(line.split()[:1] == ["EMAIL_ADDR,"] for line in beneath)
    assert not any("BATCH" in line.upper() and "UPTO" in line.upper() for line in lines)


def test_a_report_changes_nothing_and_removes_its_people(built, superuser):
    before = superuser(TRACES).fetchall()
    make_report(built, load_policy())
    assert superuser(TRACES).fetchall() == before
    assert temporary_people(superuser) == []


def test_a_report_that_fails_removes_its_people(built, superuser):
    def fail() -> None:
        with subjects(built, load_policy()):
            assert len(temporary_people(superuser)) == 4
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert temporary_people(superuser) == []


def test_people_of_a_killed_report_expire_and_are_removed_by_the_next(built, superuser):
    superuser(
        "create role report_sales_dead01 login in role \"TEAM_SALES\" valid until '2026-01-01'"
    )
    superuser(
        "grant report_sales_dead01 to darkroom_admin with admin true, inherit false, set false"
    )
    with subjects(built, load_policy()):
        names = temporary_people(superuser)
        assert "report_sales_dead01" not in names
        expiries = superuser(
            "select rolvaliduntil between now() and now() + interval '1 hour' from pg_roles "
            "where rolname ~ '^report_'"
        )
        assert {row[0] for row in expiries} == {True}


def test_without_the_views_it_says_how_to_build_them(own_warehouse, policy):
    with pytest.raises(AccessError, match=r"build the views first.*build_views.*darkroom demo"):
        make_report(own_warehouse, policy)


def test_a_held_lock_does_not_change_the_outcome(built, superuser, stack):
    conninfo = stack.superuser_conninfo(built["DBT_DBNAME"])
    with psycopg.connect(conninfo) as other:
        other.execute('lock table "ASSESSMENT"."TB_ITEM" in row exclusive mode')
        other.execute("lock table staging.int_members__summed in access share mode")
        found = make_report(built, load_policy())
    assert [str(mismatch) for mismatch in found.mismatches] == []
