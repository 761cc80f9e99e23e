"""A member's contact data stay in their own table: nothing that the platform makes holds them."""

import psycopg
from psycopg import sql

from infra.local.dbt import DBT_PROJECT
from infra.local.warehouses import owner_conninfo
from tests.waiting import wait_until

MEMBER, LAST_NAME = "kanari_0z9y8", "Kanari"
EMAIL, MOBILE, BIRTH = "the.canary.in.the.mine@example.com", "+44770090098765", "1911-11-11"
CANARIES = (EMAIL, MOBILE, BIRTH)

ADD = """
    insert into "ASSESSMENT"."TB_MEMBERSHIP" (
        "MEMBERSHIP_ID_TXT", "FIRST_NAME", "LAST_NAME", "EMAIL_ADDR", "MOBILE_NO", "BIRTH_DT",
        "ABOVE_18_IND"
    ) values (%s, 'Serin', %s, %s, %s, %s, true)
"""
RELATIONS = """
    select nspname, relname
    from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
    where relkind in ('r', 'v', 'm') and nspname !~ '^pg_' and nspname <> 'information_schema'
"""


def relations_with(server: psycopg.Connection, needle: str) -> set[str]:
    """Names the tables and views of a database in which some row holds a text."""
    found = set()
    for names in server.execute(RELATIONS).fetchall():
        statement = sql.SQL("select count(*) from {} as row where row::text ilike %s").format(
            sql.Identifier(*names)
        )
        if server.execute(statement, [f"%{needle}%"]).fetchone() != (0,):
            found.add(".".join(names))
    return found


def files_with(running, needle: str) -> set[str]:
    """Names the files of the platform that hold a text; the database's own files left out."""
    state = running.stack.state.root
    folders = [folder for folder in state.iterdir() if folder.name != "postgres"]
    folders += [DBT_PROJECT / "target", DBT_PROJECT / "logs"]
    return {
        str(path)
        for folder in folders
        for path in ([folder] if folder.is_file() else folder.rglob("*"))
        if path.is_file() and needle.encode() in path.read_bytes()
    }


def test_contact_data_of_a_member_are_found_nowhere_else(running):
    with psycopg.connect(owner_conninfo(running.stack), autocommit=True) as admin:
        admin.execute(ADD, [MEMBER, LAST_NAME, *CANARIES])
        for broken in ([MEMBER, "Twice", *CANARIES], [MEMBER, LAST_NAME, EMAIL, "x", BIRTH]):
            try:
                admin.execute(ADD, broken)
            except psycopg.errors.IntegrityError:
                continue
            raise AssertionError("a member was added who cannot be")
        admin.execute(
            'update "ASSESSMENT"."TB_MEMBERSHIP" set "EMAIL_ADDR" = upper("EMAIL_ADDR") '
            'where "MEMBERSHIP_ID_TXT" = %s',
            [MEMBER],
        )

    def database(name: str) -> psycopg.Connection:
        return psycopg.connect(running.stack.superuser_conninfo(name))

    with database("darkroom") as warehouse, database("darkroom_dagster") as dagster:
        wait_until(
            lambda: "analytics.view_member_sales_summary" in relations_with(warehouse, MEMBER),
            "the member to be seen by analysts",
        )
        assert "ASSESSMENT.TB_AUDIT_LOG" in relations_with(warehouse, LAST_NAME)
        for canary in CANARIES:
            assert relations_with(warehouse, canary) == {"ASSESSMENT.TB_MEMBERSHIP"}
            assert relations_with(dagster, canary) == set()
            assert files_with(running, canary) == set()
    assert files_with(running, "PostgreSQL"), "no file was looked into"
