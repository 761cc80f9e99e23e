"""Drift: differences between the access file and the warehouse, their texts and severity."""

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from assets.access.checks import as_table, judge
from assets.access.drift import Drift, compare
from assets.access.expected import Expected
from assets.access.facts import (
    Attribute,
    ConnectionLimit,
    Grant,
    InTeams,
    Kind,
    Member,
    Membership,
    Owner,
    Setting,
)

ROLES = st.sampled_from(["anna", "TEAM_SALES", "PUBLIC"])
FACTS = st.frozensets(
    st.builds(
        Grant,
        ROLES,
        st.just(Kind.RELATION),
        st.tuples(st.just("ASSESSMENT"), st.sampled_from(["TB_ITEM", "TB_TRANSACTION"])),
        st.sampled_from([None, "STATUS_CD"]),
        st.sampled_from(["SELECT", "UPDATE"]),
        st.booleans(),
    )
    | st.builds(Member, ROLES, ROLES, st.sampled_from(Membership))
    | st.builds(Attribute, ROLES, st.sampled_from(["LOGIN", "SUPERUSER"])),
    max_size=8,
)


@given(FACTS, FACTS)
def test_granting_what_is_missing_and_revoking_what_is_extra_removes_all_drift(wanted, held):
    drift = compare(Expected(wanted), held)
    granted = set(drift.missing)
    revoked = set(drift.extra)
    assert (held | granted) - revoked == wanted
    assert bool(drift.differences) == (wanted != held)
    assert drift.agreed == len(wanted & held)


def test_another_value_of_a_setting_is_one_difference():
    wanted = {Setting("anna", "statement_timeout", "30s"), ConnectionLimit("anna", 5)}
    held = {Setting("anna", "statement_timeout", "0"), ConnectionLimit("anna", -1)}
    drift = compare(Expected(frozenset(wanted)), held)
    assert set(drift.missing) == wanted
    assert drift.extra == ()


def test_views_that_are_not_built_are_reported_apart():
    drift = compare(Expected(frozenset(), ("analytics.view_item_catalogue",)), [])
    assert drift.not_built == ("analytics.view_item_catalogue",)
    assert drift.differences == ()


def test_a_setting_for_one_database_is_a_difference_of_its_own():
    everywhere = Setting("anna", "statement_timeout", "30s")
    here = Setting("anna", "statement_timeout", "0", "darkroom")
    drift = compare(Expected(frozenset({everywhere})), {everywhere, here})
    assert drift.extra == (here,)


def test_the_texts_of_differences():
    table = ("ASSESSMENT", "TB_ITEM")
    extra = (
        Grant("bob", Kind.RELATION, table, "COST_NO", "SELECT"),
        Grant("PUBLIC", Kind.ROUTINE, ("a", "f", "int", "text"), None, "EXECUTE"),
        Grant("bob", Kind.DEFAULT, ("adm", "tables", "a"), None, "SELECT"),
        Member("bob", "TEAM_SALES", Membership.ADMIN),
        InTeams("bob", ("TEAM_A", "TEAM_B")),
        ConnectionLimit("bob", -1),
        Setting("bob", "role", "x", "darkroom"),
        Owner("bob", Kind.RELATION, table),
    )
    missing = (Grant("bob", Kind.SCHEMA, ("analytics",), None, "USAGE", True),)
    assert Drift(missing, extra, 0, ()).differences == (
        "Not in the access file: bob has SELECT(COST_NO) on ASSESSMENT.TB_ITEM.",
        "Not in the access file: PUBLIC has EXECUTE on a.f(int, text).",
        "Not in the access file: bob has SELECT on all future tables of adm in a.",
        "Not in the access file: bob can admit others to TEAM_SALES.",
        "Not in the access file: bob is in TEAM_A and TEAM_B.",
        "Not in the access file: bob may have any number of sessions.",
        "Not in the access file: bob starts sessions in database darkroom with role = x.",
        "Not in the access file: bob owns ASSESSMENT.TB_ITEM.",
        "Missing: bob may grant others USAGE on schema analytics.",
    )


def test_extra_is_an_error_and_missing_a_warning():
    fact = Attribute("bob", "SUPERUSER")
    extra = Drift((), (fact,), 3, ())
    missing = Drift((fact,), (), 3, ())
    assert judge(extra)[0] is dg.AssetCheckSeverity.ERROR
    assert judge(missing)[0] is dg.AssetCheckSeverity.WARN
    assert judge(Drift((), (), 3, ()))[1] == "All 3 facts match the access file."


def test_the_checks_table_names_each_difference():
    fact = Attribute("bob", "SUPERUSER")
    rows = as_table(Drift((fact,), (fact,), 0, ())).splitlines()[2:]
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in rows] == [
        ["extra", "bob is SUPERUSER"],
        ["missing", "bob is SUPERUSER"],
    ]
