"""Drift: differences between the access file and the warehouse, their texts and severity."""

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.access.checks import as_table, judge
from assets.access.drift import Applied, Drift, Extra, Missing, compare
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
    granted = {one.fact for one in drift.missing}
    revoked = {one.fact for one in drift.extra}
    assert (held | granted) - revoked == wanted
    assert bool(drift.differences) == (wanted != held)
    assert drift.agreed == len(wanted & held)


def test_another_value_of_a_setting_is_one_difference():
    wanted = {Setting("anna", "statement_timeout", "30s"), ConnectionLimit("anna", 5)}
    held = {Setting("anna", "statement_timeout", "0"), ConnectionLimit("anna", -1)}
    drift = compare(Expected(frozenset(wanted)), held)
    assert {one.fact for one in drift.missing} == wanted
    assert drift.extra == ()


def test_views_that_are_not_built_are_reported_apart():
    drift = compare(Expected(frozenset(), ("analytics.view_item_catalogue",)), [])
    assert drift.not_built == ("analytics.view_item_catalogue",)
    assert drift.differences == ()


@pytest.mark.parametrize(
    ("granted", "revoked", "has_changed"), [(1, 0, True), (0, 1, True), (0, 0, False)]
)
def test_granting_or_revoking_anything_is_a_change(granted, revoked, has_changed):
    facts = (Attribute("bob", "LOGIN"),)
    applied = Applied(facts * granted, facts * revoked, Drift((), (), 0, ()))
    assert applied.has_changed is has_changed


def test_a_setting_for_one_database_is_a_difference_of_its_own():
    everywhere = Setting("anna", "statement_timeout", "30s")
    here = Setting("anna", "statement_timeout", "0", "darkroom")
    drift = compare(Expected(frozenset({everywhere})), {everywhere, here})
    assert [one.fact for one in drift.extra] == [here]


def test_the_texts_of_differences():
    table = ("ASSESSMENT", "TB_ITEM")
    sentences = [
        str(Extra(Grant("bob", Kind.RELATION, table, "COST_NO", "SELECT"))),
        str(Missing(Grant("bob", Kind.SCHEMA, ("analytics",), None, "USAGE", True))),
        str(Extra(Grant("PUBLIC", Kind.ROUTINE, ("a", "f", "int", "text"), None, "EXECUTE"))),
        str(Extra(Grant("bob", Kind.DEFAULT, ("adm", "tables", "a"), None, "SELECT"))),
        str(Extra(Member("bob", "TEAM_SALES", Membership.ADMIN))),
        str(Extra(InTeams("bob", ("TEAM_A", "TEAM_B")))),
        str(Extra(ConnectionLimit("bob", -1))),
        str(Extra(Setting("bob", "role", "x", "darkroom"))),
        str(Extra(Owner("bob", Kind.RELATION, table))),
    ]
    assert sentences == [
        "Not in the access file: bob has SELECT(COST_NO) on ASSESSMENT.TB_ITEM.",
        "Missing: bob may grant others USAGE on schema analytics.",
        "Not in the access file: PUBLIC has EXECUTE on a.f(int, text).",
        "Not in the access file: bob has SELECT on all future tables of adm in a.",
        "Not in the access file: bob can admit others to TEAM_SALES.",
        "Not in the access file: bob is in TEAM_A and TEAM_B.",
        "Not in the access file: bob may have any number of sessions.",
        "Not in the access file: bob starts sessions in database darkroom with role = x.",
        "Not in the access file: bob owns ASSESSMENT.TB_ITEM.",
    ]


def test_extra_is_an_error_and_missing_a_warning():
    fact = Attribute("bob", "SUPERUSER")
    extra = Drift((), (Extra(fact),), 3, ())
    missing = Drift((Missing(fact),), (), 3, ())
    assert judge(extra)[0] is dg.AssetCheckSeverity.ERROR
    assert judge(missing)[0] is dg.AssetCheckSeverity.WARN
    assert judge(Drift((), (), 3, ()))[1] == "All 3 facts match the access file."


def test_the_checks_table_names_each_difference():
    fact = Attribute("bob", "SUPERUSER")
    rows = as_table(Drift((Missing(fact),), (Extra(fact),), 0, ())).splitlines()[2:]
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in rows] == [
        ["extra", "bob is SUPERUSER"],
        ["missing", "bob is SUPERUSER"],
    ]
