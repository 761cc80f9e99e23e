"""People: admitted, equipped, renewed and taken out; and the commands that do it."""

import time
import uuid

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.access.people import (
    create_person,
    find_team,
    list_people,
    remove_person,
    reset_person,
)
from assets.errors import AccessError
from cli.servers import running_database
from infra.local.ports import free_ports
from infra.local.server import Health
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.local.warehouses import owner_conninfo


@pytest.fixture
def admin(own_warehouse) -> str:
    return own_warehouse["DATABASE_ADMIN_URL"]


def name_of(conninfo: str) -> str:
    return str(conninfo_to_dict(conninfo)["user"])


def test_a_person_logs_in_and_has_the_teams_rights(people):
    with psycopg.connect(people.join("TEAM_SALES")) as sales:
        assert sales.execute('select count(*) from "ASSESSMENT"."TB_ITEM"').fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sales.execute('select 1 from "ASSESSMENT"."TB_TRANSACTION"')


def test_the_server_keeps_a_scram_verifier_and_no_password(people, superuser):
    conninfo = people.join("TEAM_SALES")
    [(kept,)] = superuser.execute(
        "select rolpassword from pg_authid where rolname = %s", [name_of(conninfo)]
    ).fetchall()
    assert kept.startswith("SCRAM-SHA-256$4096:")
    assert str(conninfo_to_dict(conninfo)["password"]) not in kept


def test_a_wrong_password_is_refused(people):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(make_conninfo(people.join("TEAM_SALES"), password="guessed"))


def test_the_connection_limit_of_the_team_holds(people, policy):
    conninfo = people.join("TEAM_SALES")
    limit = policy.teams["TEAM_SALES"].people.connection_limit
    sessions = [psycopg.connect(conninfo) for _ in range(limit)]
    with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
        psycopg.connect(conninfo)
    for session in sessions:
        session.close()


def test_a_person_sets_a_password_of_at_least_twelve_characters(people):
    conninfo = people.join("TEAM_SALES")
    with psycopg.connect(conninfo, autocommit=True) as sales:
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="password is too short"):
            sales.execute(f"alter role {name_of(conninfo)} password 'letmein1234'")
        sales.execute(f"alter role {name_of(conninfo)} password 'letmein12345'")


def test_a_person_cannot_raise_the_limit_of_temporary_files(people):
    with psycopg.connect(people.join("TEAM_SALES"), autocommit=True) as sales:
        assert sales.execute("show temp_file_limit").fetchone() == ("1GB",)
        for change in ("set temp_file_limit = -1", "alter role current_user reset temp_file_limit"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sales.execute(change)


def test_an_analysts_session_is_read_only_with_a_statement_timeout(people):
    with psycopg.connect(people.join("TEAM_ANALYTICS")) as analyst:
        shown = [
            analyst.execute(f"show {name}").fetchone()[0]
            for name in ("default_transaction_read_only", "statement_timeout")
        ]
        assert shown == ["on", "30s"]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            analyst.execute("create temporary table mine (x int)")


def test_a_person_cannot_become_the_team(people):
    with (
        psycopg.connect(people.join("TEAM_SALES")) as sales,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied to set role"),
    ):
        sales.execute('set role "TEAM_SALES"')


def test_people_are_listed_with_team_and_sessions(people, admin, policy):
    conninfo = people.join("TEAM_LOGISTICS")
    with psycopg.connect(conninfo):
        listed = {(p.name, p.team, p.sessions) for p in list_people(admin, policy)}
    assert (name_of(conninfo), "TEAM_LOGISTICS", 1) in listed


def test_a_new_password_replaces_the_old_and_restores_the_settings_of_the_team(
    people, admin, policy, superuser
):
    old = people.join("TEAM_ANALYTICS")
    superuser.execute(f"alter role {name_of(old)} reset statement_timeout")
    new = make_conninfo(old, password=reset_person(admin, policy, name_of(old)))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
    with psycopg.connect(new) as analyst:
        assert analyst.execute("show statement_timeout").fetchone() == ("30s",)


def test_a_removed_person_is_disconnected(people, admin, policy, superuser):
    conninfo = people.join("TEAM_SALES")
    name = name_of(conninfo)
    with psycopg.connect(conninfo, autocommit=True) as sales:
        sales.execute("select 1")
        remove_person(admin, policy, name)
        with pytest.raises(psycopg.OperationalError):
            sales.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(conninfo)
    assert superuser.execute("select 1 from pg_roles where rolname = %s", [name]).fetchall() == []


def test_a_person_who_holds_locks_can_be_removed(people, admin, policy, superuser):
    conninfo = people.join("TEAM_SALES")
    sales = psycopg.connect(conninfo)
    sales.execute('call "ASSESSMENT".add_item(%s, %s, 1, 1)', ["Lamp", "Lumen"])
    started = time.monotonic()
    remove_person(admin, policy, name_of(conninfo))
    assert time.monotonic() - started < 30
    assert superuser.execute('select 1 from "ASSESSMENT"."TB_ITEM"').fetchall() == []


def test_a_person_who_owns_objects_is_not_removed(people, admin, policy, superuser):
    name = name_of(people.join("TEAM_SALES"))
    superuser.execute(
        f"create table retention.theirs (x int); alter table retention.theirs owner to {name}"
    )
    with pytest.raises(AccessError, match=rf"{name} owns 1 object, which would be dropped"):
        remove_person(admin, policy, name)
    superuser.execute("alter table retention.theirs owner to darkroom_owner")


def test_privileges_that_only_a_superuser_can_revoke_are_reported_and_login_is_disabled(
    people, admin, policy, superuser
):
    conninfo = people.join("TEAM_SALES")
    name = name_of(conninfo)
    superuser.execute(f'grant select on "ASSESSMENT"."TB_AUDIT_LOG" to {name}')
    with pytest.raises(AccessError, match="can no longer log in, but has privileges"):
        remove_person(admin, policy, name)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)
    superuser.execute(f"drop owned by {name}")
    remove_person(admin, policy, name)


@pytest.mark.parametrize(
    "name", ["darkroom_loader", "TEAM_SALES", "postgres", "pg_monitor", "nobody_at_all"]
)
def test_only_people_can_be_removed(admin, policy, name):
    with pytest.raises(AccessError, match=f"“{name}” is not a person"):
        remove_person(admin, policy, name)


@pytest.mark.parametrize(
    "name",
    ["", "Anna", "1st", "a b", "a;drop", 'a"b', "a" * 32, "pg_anna", "darkroom_x", "public", "ü"],
)
def test_an_invalid_name_is_refused(admin, policy, name):
    with pytest.raises(AccessError, match="is not a valid name for a person"):
        create_person(admin, policy, name, "TEAM_SALES")


def test_a_taken_name_is_refused_with_advice(people, admin, policy):
    name = name_of(people.join("TEAM_SALES"))
    with pytest.raises(AccessError, match=r"is in TEAM_SALES already; `darkroom people password "):
        create_person(admin, policy, name, "TEAM_LOGISTICS")


def test_a_name_of_another_role_is_refused(admin, policy):
    with pytest.raises(AccessError, match="“postgres” that is not a person; choose another name"):
        create_person(admin, policy, "postgres", "TEAM_SALES")


@pytest.mark.parametrize("name", ["sales", "SALES", "TEAM_SALES", "team_sales"])
def test_a_team_is_found_by_its_short_and_its_full_name(policy, name):
    assert find_team(policy, name) == "TEAM_SALES"


def test_an_unknown_team_is_refused_with_the_known_ones(policy):
    with pytest.raises(AccessError, match="choose one of logistics, analytics, sales"):
        find_team(policy, "marketing")


def test_the_commands_add_list_reset_and_remove_people(command):
    name = f"anna_{uuid.uuid4().hex[:6]}"
    added = command("people", "add", name, "--team", "sales")
    assert (added.exit_code, f"{name} is in TEAM_SALES." in added.output) == (0, True)
    assert name in command("people", "list").output
    again = command("people", "add", name, "--team", "sales")
    assert (again.exit_code, "already" in again.output) == (1, True)
    assert "has a new password" in command("people", "password", name).output
    assert command("people", "remove", name, "--yes").exit_code == 0
    assert name not in command("people", "list").output


def test_the_commands_report_and_remove_drift(command, stack):
    assert command("access", "diff").exit_code == 0
    with psycopg.connect(owner_conninfo(stack), autocommit=True) as connection:
        connection.execute('grant select on retention.purge_receipt to "TEAM_SALES"')
    found = command("access", "diff")
    sentence = "Not in the access file: TEAM_SALES has SELECT on retention.purge_receipt."
    assert (found.exit_code, sentence in found.output) == (1, True)
    kept = command("access", "apply")
    assert (kept.exit_code, "`darkroom access apply --revoke`" in kept.output) == (0, True)
    taken = command("access", "apply", "--revoke", "--yes")
    assert "- TEAM_SALES has SELECT on retention.purge_receipt" in taken.output
    assert "nothing was changed" in command("access", "apply").output


def test_the_report_command_fails_without_the_views(command):
    made = command("access", "report")
    assert made.exit_code == 1
    assert "build the views first" in " ".join(made.output.split())


def test_a_stopped_database_is_started_for_the_command(tmp_path):
    idle = Stack(StateFolder(tmp_path / "state"), free_ports())
    with (
        running_database(idle) as env,
        psycopg.connect(env["DATABASE_ADMIN_URL"]) as connection,
    ):
        assert connection.execute("select count(*) from pg_roles").fetchone()[0] > 10
        assert [server.health() for server in idle.servers[1:]] == [Health.STOPPED] * 2
    assert {server.health() for server in idle.servers} == {Health.STOPPED}


def test_a_running_database_is_left_running(stack):
    pid = stack.servers[0].process().pid
    with running_database(stack):
        pass
    assert stack.servers[0].process().pid == pid
