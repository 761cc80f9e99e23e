"""The access file: what is valid, how errors are reported, and which facts follow from it."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.access.catalog import Catalog, Relation, Routine
from assets.access.document import DOCUMENT, document
from assets.access.expected import expected
from assets.access.facts import (
    Attribute,
    ConnectionLimit,
    Exists,
    Grant,
    Kind,
    Member,
    Owner,
    Setting,
)
from assets.access.policy import (
    ACCESS_FILE,
    Policy,
    PolicyError,
    load_policy,
    validate_policy,
)
from assets.yaml_files import YamlError, read_yaml
from infra.postgres import bootstrap

POLICY = load_policy()
FILE = read_yaml(ACCESS_FILE)
MEMBERSHIP = ("teams", "TEAM_LOGISTICS", "relations", "ASSESSMENT.TB_MEMBERSHIP")
PERSONAL = ["EMAIL_ADDR", "MOBILE_NO", "BIRTH_DT"]
HARMLESS = ["MEMBERSHIP_ID_TXT", "FIRST_NAME", "LAST_NAME", "STATUS_CD"]


def changed(way: tuple[str, ...], value: object) -> Policy:
    """The access file with one value changed or added."""
    content = copy.deepcopy(FILE)
    place = content
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    return validate_policy(content)


def relation(name: str, *columns: str, owner: str = "darkroom_admin", kind: str = "r") -> Relation:
    return Relation(
        tuple(name.split(".")), kind, False, owner, tuple((column, "text") for column in columns)
    )


def grants_of(role: str, catalog: Catalog) -> set[tuple[str, str, str | None]]:
    """Role's privileges on relations and routines, as privilege, name and column."""
    return {
        (fact.privilege, ".".join(fact.object[:2]), fact.column)
        for fact in expected(POLICY, catalog).facts
        if isinstance(fact, Grant) and fact.role == role and len(fact.object) > 1
    }


def test_the_file_is_valid():
    assert set(load_policy().teams) == {"TEAM_LOGISTICS", "TEAM_ANALYTICS", "TEAM_SALES"}


def test_its_roles_are_those_that_bootstrap_creates():
    programs = {*bootstrap.PROGRAMS, bootstrap.OWNER, bootstrap.MIGRATOR}
    policy = load_policy()
    assert (set(policy.teams), set(policy.programs)) == (set(bootstrap.TEAMS), programs)


def test_the_page_generated_from_it_is_current():
    assert document(load_policy()) == DOCUMENT.read_text(), "run `darkroom access document`"


@pytest.mark.parametrize(
    ("way", "value", "sentence"),
    [
        (("team",), {}, "team is not a known key"),
        (
            ("teams", "TEAM_SALES", "tables"),
            {},
            "teams → TEAM_SALES → tables is not a known key",
        ),
        ((*MEMBERSHIP, "selct"), "all", "selct is not a known key"),
        ((*MEMBERSHIP, "delete"), ["STATUS_CD"], "delete: it should be 'all'"),
        (
            ("teams", "TEAM_SALES", "database"),
            ["conect"],
            "database → 0: it should be 'connect'",
        ),
        (
            ("teams", "TEAM_SALES", "schemas"),
            {"ASSESSMENT": ["all"]},
            "ASSESSMENT → 0: it should be 'usage', 'create' or 'grant option'",
        ),
        (
            ("teams", "TEAM_SALES", "schemas", "ASSESSMENT"),
            ["grant option"],
            "TEAM_SALES has a grant option on ASSESSMENT without a privilege",
        ),
        (("public",), "connect", "public: it should be 'nothing'"),
        (("teams", "sales"), {}, "teams → sales: a team is named as in TEAM_SALES"),
        (
            ("programs", "darkroom_admin", "admin_of"),
            ["TEAM_SLAES"],
            "darkroom_admin is a member of TEAM_SLAES, which is neither a team nor a program",
        ),
        (("owners", "darkroom_other"), ["x"], "the owner darkroom_other is not among the programs"),
        (
            ("owners", "darkroom_builder"),
            ["staging", "ASSESSMENT.*"],
            "ASSESSMENT.* is listed twice under owners; an object has one owner",
        ),
        (
            ("programs", "darkroom_loader", "attributes"),
            ["superuser"],
            "attributes → 0: it should be 'login' or 'createrole'",
        ),
        (
            ("programs", "darkroom_loader", "attributes"),
            ["login", "createrole"],
            "exactly one program must have the attribute createrole",
        ),
        (
            ("teams", "TEAM_ANALYTICS", "people", "settings", "default_transaction_read_only"),
            True,
            "default_transaction_read_only: it should be a valid string",
        ),
        (("teams", "TEAM_SALES", "people", "connection_limit"), 0, "greater than or equal to 1"),
        (
            ("teams", "TEAM_SALES", "relations", "retention.purge_receipt"),
            {"select": "all"},
            "TEAM_SALES is granted retention.purge_receipt without usage of the schema retention",
        ),
        (
            ("teams", "TEAM_SALES", "relations", "ASSESSMENT.*"),
            {"select": "all"},
            "a pattern is allowed only for what dbt builds",
        ),
        (
            ("teams", "TEAM_SALES", "relations", "analytics.view_*"),
            {"select": ["item_id"]},
            "a pattern covers whole views",
        ),
        (
            ("teams", "TEAM_SALES", "relations", "analytics.view_item_catalogue"),
            {"why": "no reason"},
            "TEAM_SALES is granted nothing on analytics.view_item_catalogue; remove the line",
        ),
        (
            ("teams", "TEAM_SALES", "relations", "TB_ITEM"),
            {"select": "all"},
            "TB_ITEM: a name includes its schema",
        ),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_an_invalid_file_is_refused_with_a_sentence(way, value, sentence):
    with pytest.raises(PolicyError) as refused:
        changed(way, value)
    message = str(refused.value)
    assert sentence in message
    assert message.startswith("access.yaml: ")
    assert "\n" not in message
    assert message.endswith(".")


def test_a_key_that_is_written_twice_is_refused(tmp_path):
    file = tmp_path / "access.yaml"
    file.write_text(ACCESS_FILE.read_text() + "\npublic: nothing\n")
    with pytest.raises(YamlError, match=r'^access.yaml, line \d+: found duplicate key "public"\.$'):
        load_policy(file)


def test_what_is_not_yaml_is_refused_in_one_sentence(tmp_path):
    file = tmp_path / "access.yaml"
    file.write_text("teams: [")
    with pytest.raises(YamlError, match=r"^access.yaml, line 1: [^\n]*\.$"):
        load_policy(file)


@given(
    st.sampled_from(["select", "insert", "update"]),
    st.lists(st.sampled_from(PERSONAL + HARMLESS), min_size=1, unique=True),
    st.sampled_from([("teams", "TEAM_LOGISTICS"), ("programs", "darkroom_builder")]),
)
def test_a_personal_column_is_refused_for_every_team_and_program(privilege, columns, role):
    way = (*role, "relations", "ASSESSMENT.TB_MEMBERSHIP")
    if set(columns) & set(PERSONAL):
        with pytest.raises(PolicyError, match="which the file lists as personal"):
            changed(way, {privilege: columns})
    else:
        changed(way, {privilege: columns})


def test_a_whole_table_with_personal_columns_is_refused():
    with pytest.raises(PolicyError, match="EMAIL_ADDR, MOBILE_NO, BIRTH_DT"):
        changed((*MEMBERSHIP, "select"), "all")


def test_the_file_names_every_personal_column():
    assert load_policy().personal == {"ASSESSMENT.TB_MEMBERSHIP": PERSONAL}


@given(st.lists(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), unique=True))
def test_a_pattern_covers_exactly_the_views_that_are_there(names):
    views = [relation(f"analytics.{name}", "a", kind="v") for name in names]
    catalog = Catalog("darkroom", "darkroom_admin", {"analytics": "darkroom_builder"}, views)
    covered = {("SELECT", f"analytics.{name}", None) for name in names if name[:5] == "view_"}
    assert grants_of("TEAM_ANALYTICS", catalog) == covered


def test_a_name_means_that_relation_and_no_partition_or_namesake():
    catalog = Catalog(
        "darkroom",
        "darkroom_admin",
        relations=[
            relation("image_catalog.image", "image_id"),
            relation("image_catalog.image_20260101", "image_id"),
            relation("elsewhere.image", "image_id"),
        ],
    )
    granted = {name for _, name, _ in grants_of("darkroom_loader", catalog)}
    assert granted == {"image_catalog.image"}


def test_a_routine_is_granted_with_whatever_arguments_it_has():
    routines = [
        Routine(("ASSESSMENT", "add_item", "text"), True, "darkroom_admin"),
        Routine(("ASSESSMENT", "add_item", "text", "bigint"), True, "darkroom_admin"),
        Routine(("ASSESSMENT", "stamp_update"), False, "darkroom_admin"),
    ]
    facts = expected(load_policy(), Catalog("d", "darkroom_admin", routines=routines)).facts
    granted = {fact.object for fact in facts if isinstance(fact, Grant) and len(fact.object) > 1}
    assert granted == {routine.name for routine in routines[:2]}


SMALL = validate_policy(
    {
        "public": "nothing",
        "personal": {},
        "built_by_dbt": ["views"],
        "database_owner": "darkroom_owner",
        "owners": {"darkroom_owner": ["shop", "shop.*"]},
        "operators": [],
        "teams": {
            "TEAM_SALES": {
                "why": "Sells.",
                "schemas": {"shop": ["usage", "grant option"], "views": ["usage"]},
                "relations": {
                    "shop.item": {"select": "all", "update": ["price", "colour"]},
                    "views.sold": {"select": "all"},
                    "views.*": {"select": "all"},
                },
                "people": {"connection_limit": 3, "settings": {"work_mem": "8MB"}},
            }
        },
        "programs": {
            "darkroom_owner": {"why": "Owns.", "relations": {"shop.item": {"select": "all"}}},
            "darkroom_admin": {
                "why": "Creates people.",
                "attributes": ["login", "createrole"],
                "admin_of": ["TEAM_SALES"],
                "parameters": ["temp_file_limit"],
            },
            "darkroom_loader": {
                "why": "Loads.",
                "database": ["connect"],
                "schemas": {"shop": ["usage"], "views": ["usage"]},
                "sequences": {"shop.number": ["usage"]},
                "member_of": ["TEAM_SALES", "pg_monitor"],
                "routines": ["shop.add", "pg_catalog.pg_advisory_xact_lock"],
                "settings": {"work_mem": "64MB"},
            },
        },
    }
)


def test_the_facts_that_follow_from_a_file_where_everything_exists():
    catalog = Catalog(
        "d",
        "darkroom_admin",
        {"shop": "darkroom_owner", "views": "darkroom_loader"},
        [
            relation("shop.item", "price", "colour"),
            relation("shop.number", kind="S"),
            relation("views.sold", kind="v"),
        ],
        [
            Routine(("shop", "add", "text"), False, "darkroom_owner"),
            Routine(("pg_catalog", "pg_advisory_xact_lock", "bigint"), False, "postgres"),
        ],
        {"anna": ("TEAM_SALES",)},
    )
    wanted = expected(SMALL, catalog)
    assert {str(fact) for fact in wanted.facts} == {
        "TEAM_SALES has SELECT on shop.item",
        "TEAM_SALES has SELECT on views.sold",
        "TEAM_SALES has UPDATE(colour) on shop.item",
        "TEAM_SALES has UPDATE(price) on shop.item",
        "TEAM_SALES has USAGE on schema shop",
        "TEAM_SALES has USAGE on schema views",
        "TEAM_SALES may grant others USAGE on schema shop",
        "anna has the rights of TEAM_SALES",
        "anna is LOGIN",
        "anna may have 3 sessions",
        "anna starts sessions with work_mem = 8MB",
        "darkroom_admin can admit others to TEAM_SALES",
        "darkroom_admin has SET on parameter temp_file_limit",
        "darkroom_admin is CREATEROLE",
        "darkroom_admin is LOGIN",
        "darkroom_loader can become TEAM_SALES",
        "darkroom_loader can become pg_monitor",
        "darkroom_loader has CONNECT on database d",
        "darkroom_loader has EXECUTE on pg_catalog.pg_advisory_xact_lock(bigint)",
        "darkroom_loader has EXECUTE on shop.add(text)",
        "darkroom_loader has USAGE on schema shop",
        "darkroom_loader has USAGE on schema views",
        "darkroom_loader has USAGE on shop.number",
        "darkroom_loader has the rights of TEAM_SALES",
        "darkroom_loader has the rights of pg_monitor",
        "darkroom_loader starts sessions with work_mem = 64MB",
        "darkroom_owner owns database d",
        "darkroom_owner owns schema shop",
        "darkroom_owner owns shop.add(text)",
        "darkroom_owner owns shop.item",
        "darkroom_owner owns shop.number",
    }
    assert wanted.not_built == ()


def test_the_facts_that_follow_from_a_file_where_nothing_exists():
    wanted = expected(SMALL, Catalog("d", "darkroom_admin"))
    assert {fact for fact in wanted.facts if isinstance(fact, Exists)} == {
        Exists(Kind.SCHEMA, ("shop",)),
        Exists(Kind.SCHEMA, ("views",)),
        Exists(Kind.RELATION, ("shop", "item")),
        Exists(Kind.SEQUENCE, ("shop", "number")),
        Exists(Kind.ROUTINE, ("shop", "add")),
        Exists(Kind.ROUTINE, ("pg_catalog", "pg_advisory_xact_lock")),
    }
    assert wanted.not_built == ("views.sold",)


def test_a_view_that_is_not_built_yet_is_no_drift_and_a_missing_table_is():
    wanted = expected(load_policy(), Catalog("darkroom", "darkroom_admin"))
    assert "analytics.view_fulfilment" in wanted.not_built
    assert Exists(Kind.RELATION, ("ASSESSMENT", "TB_ITEM")) in wanted.facts
    assert not [fact for fact in wanted.facts if "view_fulfilment" in str(fact)]


def test_a_missing_column_is_drift():
    catalog = Catalog(
        "darkroom", "darkroom_admin", relations=[relation("ASSESSMENT.TB_MEMBERSHIP", "STATUS")]
    )
    absent = Exists(Kind.RELATION, ("ASSESSMENT", "TB_MEMBERSHIP", "STATUS_CD"))
    assert absent in expected(load_policy(), catalog).facts


def test_an_owner_of_the_whole_name_precedes_an_owner_of_the_schema():
    file = SMALL.model_dump(exclude_none=True)
    file["owners"]["darkroom_loader"] = ["shop.number"]
    catalog = Catalog(
        "d", "x", {"shop": "x"}, [relation("shop.item"), relation("shop.number", kind="S")]
    )
    owners = {
        fact.object: fact.role
        for fact in expected(validate_policy(file), catalog).facts
        if isinstance(fact, Owner)
    }
    assert owners == {
        ("d",): "darkroom_owner",
        ("shop",): "darkroom_owner",
        ("shop", "item"): "darkroom_owner",
        ("shop", "number"): "darkroom_loader",
    }


def test_a_person_has_the_teams_rights_login_and_limit_and_nothing_more():
    catalog = Catalog("darkroom", "darkroom_admin", people={"anna": ("TEAM_SALES",)})
    about_anna = {
        fact
        for fact in expected(load_policy(), catalog).facts
        if getattr(fact, "role", None) == "anna"
    }
    assert {str(fact) for fact in about_anna} == {
        "anna has the rights of TEAM_SALES",
        "anna is LOGIN",
        "anna may have 5 sessions",
        "anna starts sessions with idle_in_transaction_session_timeout = 1min",
        "anna starts sessions with lock_timeout = 5s",
        "anna starts sessions with statement_timeout = 30s",
        "anna starts sessions with temp_file_limit = 1GB",
    }
    assert {type(fact) for fact in about_anna} == {Member, Attribute, ConnectionLimit, Setting}
