"""The audit log: written for everybody, under the acting person's name, and changed by nobody."""

import uuid

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.access.checks import every_change_of_a_sales_table_is_stamped_audited_and_queued
from assets.access.drift import apply
from assets.access.policy import validate_policy
from assets.access.triggers import describe_triggers, differences, recorded_triggers
from assets.platform import Platform
from assets.settings import Settings

LOG = '"ASSESSMENT"."TB_AUDIT_LOG"'
ATTACKS = [
    f"""update {LOG} set "ACTING_PERSON_TXT" = 'nobody'""",
    f"delete from {LOG}",
    f"truncate {LOG}",
    f"truncate {LOG} cascade",
    f"drop table {LOG}",
    f"drop table {LOG} cascade",
    f"alter table {LOG} disable trigger all",
    f"alter table {LOG} disable trigger refuse_change",
    f"drop trigger refuse_change on {LOG}",
    f'alter table {LOG} drop column "BEFORE_TXT"',
    f"alter table {LOG} add column x int",
    f"alter table {LOG} rename to mine",
    f"alter table {LOG} set schema retention",
    f"alter table {LOG} owner to current_user",
    f"create trigger mine before insert on {LOG} execute function \"ASSESSMENT\".refuse('no')",
    f"create rule mine as on insert to {LOG} do instead nothing",
    f"comment on table {LOG} is 'gone'",
    'drop schema "ASSESSMENT" cascade',
    'alter schema "ASSESSMENT" rename to gone',
    'alter schema "ASSESSMENT" owner to current_user',
    'drop function "ASSESSMENT".write_audit() cascade',
    'alter function "ASSESSMENT".write_audit() rename to gone',
    'create or replace function "ASSESSMENT".write_audit() returns trigger '
    "language plpgsql as 'begin return null; end'",
    'create or replace function "ASSESSMENT".refuse() returns trigger '
    "language plpgsql as 'begin return new; end'",
    "set role darkroom_owner",
    "grant darkroom_owner to current_user",
    "alter role darkroom_owner login",
    "set session authorization darkroom_owner",
    "set role darkroom_migrator",
    "grant darkroom_migrator to current_user",
    "alter role darkroom_migrator login",
    "set session_replication_role = replica",
    f"""insert into {LOG} (
        "DATABASE_USER_TXT", "ACTING_PERSON_TXT", "TABLE_TXT", "ACTION_CD", "KEY_TXT", "AFTER_TXT"
    ) values ('anna', 'anna', 'TB_ITEM', 'INSERT', '{{}}', '{{}}')""",
]
ADD_ITEM = 'call "ASSESSMENT".add_item(%s, %s, 1, 1, null)'


@pytest.fixture
def log(own_warehouse):
    """Reads database user, acting person, table and action of each entry, oldest first."""

    columns = '"DATABASE_USER_TXT", "ACTING_PERSON_TXT", "TABLE_TXT", "ACTION_CD"'
    return lambda: entries(own_warehouse, columns)


@pytest.fixture
def portal(superuser, own_warehouse, people) -> tuple[str, str]:
    """A program that may act as one person of Sales: its connection and the person's name."""
    person = str(conninfo_to_dict(people.join("TEAM_SALES"))["user"])
    name, password = f"portal_{uuid.uuid4().hex[:6]}", uuid.uuid4().hex
    superuser.execute(f"create role {name} login password '{password}'")
    superuser.execute(f"grant {person} to {name} with inherit false, set true")
    superuser.execute(f"grant connect on database {own_warehouse['DBT_DBNAME']} to {name}")
    yield make_conninfo(own_warehouse["DATABASE_URL"], user=name, password=password), person
    superuser.execute(f"drop owned by {name}; drop role {name}")


def connect_as(who: str, own_warehouse: dict[str, str], people) -> psycopg.Connection:
    if who.startswith("TEAM_"):
        return psycopg.connect(people.join(who))
    if who == "darkroom_builder":
        user, password = own_warehouse["DBT_USER"], own_warehouse["DBT_ENV_SECRET_PASSWORD"]
        return psycopg.connect(own_warehouse["DATABASE_URL"], user=user, password=password)
    variable = {"darkroom_admin": "DATABASE_ADMIN_URL", "darkroom_loader": "DATABASE_URL"}[who]
    return psycopg.connect(own_warehouse[variable])


@pytest.mark.parametrize(
    "who",
    [
        "TEAM_LOGISTICS",
        "TEAM_ANALYTICS",
        "TEAM_SALES",
        "darkroom_loader",
        "darkroom_builder",
        "darkroom_admin",
    ],
)
def test_nobody_can_change_empty_drop_alter_or_forge_the_audit_log(own_warehouse, people, who):
    possible = []
    with connect_as(who, own_warehouse, people) as connection:
        connection.execute("set default_transaction_read_only = off")
        connection.commit()
        for attack in ATTACKS:
            try:
                connection.execute(attack)
                possible.append(attack)
            except psycopg.errors.InsufficientPrivilege:
                pass
            connection.rollback()
    assert possible == []


def test_readers_of_the_log_cannot_grant_it_to_others(own_warehouse, people):
    with psycopg.connect(own_warehouse["DATABASE_ADMIN_URL"]) as admin:
        admin.execute(f"grant all on {LOG} to public")  # PostgreSQL only warns
    with (
        psycopg.connect(people.join("TEAM_SALES")) as sales,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        sales.execute(f"select 1 from {LOG}")


def test_even_the_owner_of_the_log_cannot_change_it_without_altering_it_first(superuser, people):
    with psycopg.connect(people.join("TEAM_SALES")) as sales:
        sales.execute(ADD_ITEM, ["Lamp", "Lumen"])
    for attack in ATTACKS[:3]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"):
            superuser.execute(attack)


def test_what_a_person_does_is_in_the_log_under_that_persons_name(people, log):
    conninfo = people.join("TEAM_SALES")
    with psycopg.connect(conninfo) as sales:
        sales.execute(ADD_ITEM, ["Lamp", "Lumen"])
    person = conninfo_to_dict(conninfo)["user"]
    assert log() == [(person, person, "TB_ITEM", "INSERT")]


def test_what_a_program_does_as_a_person_is_in_the_log_under_both_names(portal, log):
    conninfo, person = portal
    with psycopg.connect(conninfo) as program:
        program.execute(f"set role {person}")
        program.execute(ADD_ITEM, ["Lamp", "Lumen"])
    assert log() == [(conninfo_to_dict(conninfo)["user"], person, "TB_ITEM", "INSERT")]


def test_the_stamps_name_the_acting_person_too(portal, owner):
    conninfo, person = portal
    with psycopg.connect(conninfo) as program:
        program.execute(f"set role {person}")
        program.execute(ADD_ITEM, ["Lamp", "Lumen"])
    stamps = owner.execute(
        'select "ROLE_NAME_TXT", "CREATED_BY_ID_NO" = "UPDATED_BY_ID_NO" '
        'from "ASSESSMENT"."TB_ITEM" '
        'inner join "ASSESSMENT"."TB_PERSON" on "PERSON_ID_NO" = "CREATED_BY_ID_NO"'
    ).fetchall()
    assert stamps == [(person, True)]


def test_settings_invented_by_a_session_change_nothing_in_the_log(people, log):
    conninfo = people.join("TEAM_SALES")
    with psycopg.connect(conninfo, application_name="darkroom_admin") as sales:
        sales.execute("set application_name = 'darkroom_admin'")
        for setting in ("darkroom.person", "darkroom.acting_person", "app.person"):
            sales.execute(f"set {setting} = 'darkroom_admin'")
        sales.execute(ADD_ITEM, ["Lamp", "Lumen"])
    person = conninfo_to_dict(conninfo)["user"]
    assert log() == [(person, person, "TB_ITEM", "INSERT")]


def test_a_person_can_act_as_nobody_else(people):
    other = conninfo_to_dict(people.join("TEAM_SALES"))["user"]
    with psycopg.connect(people.join("TEAM_SALES")) as sales:
        for name in (other, '"TEAM_SALES"', "darkroom_admin"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sales.execute(f"set role {name}")
            sales.rollback()


def test_a_change_that_is_rolled_back_is_not_in_the_log(people, log):
    with psycopg.connect(people.join("TEAM_SALES")) as sales:
        sales.execute(ADD_ITEM, ["Lamp", "Lumen"])
        sales.rollback()
    assert log() == []


def entries(own_warehouse, columns: str) -> list[tuple]:
    """Reads columns of each entry, oldest first."""
    with psycopg.connect(own_warehouse["DATABASE_ADMIN_URL"]) as admin:
        return admin.execute(f'select {columns} from {LOG} order by "AUDIT_ID_NO"').fetchall()


def test_the_log_names_changed_personal_columns_and_holds_no_value_of_them(own_warehouse, owner):
    members = '"ASSESSMENT"."TB_MEMBERSHIP"'
    owner.execute(
        f"insert into {members} values ('tan_a1b2c', 'Mei', 'Tan', 'secret@example.com', "
        "'+447700900001', '1990-01-01', true)"
    )
    owner.execute(f"""update {members} set "EMAIL_ADDR" = 'other@example.com'""")
    owner.execute(f"""update {members} set "LAST_NAME" = 'Lim'""")
    owner.execute(f"delete from {members}")
    everything = ["BIRTH_DT", "EMAIL_ADDR", "MOBILE_NO"]
    assert entries(own_warehouse, '"SCHEMA_TXT", "PERSONAL_COLUMNS_TXT"') == [
        ("ASSESSMENT", everything),
        ("ASSESSMENT", ["EMAIL_ADDR"]),
        ("ASSESSMENT", []),
        ("ASSESSMENT", everything),
    ]
    assert "example.com" not in str(entries(own_warehouse, '"BEFORE_TXT", "AFTER_TXT"'))


def test_a_column_that_the_access_file_calls_personal_is_not_logged_from_then_on(
    stack, own_warehouse, people, policy
):
    more = policy.model_dump(exclude_none=True)
    more["personal"]["ASSESSMENT.TB_ITEM"] = ["WEIGHT_KG"]
    for holder in (*more["teams"].values(), *more["programs"].values()):
        holder["relations"].pop("ASSESSMENT.TB_ITEM", None)
    granting = make_conninfo(stack.granting_conninfo(), dbname=own_warehouse["DBT_DBNAME"])
    apply(granting, validate_policy(more))
    with psycopg.connect(people.join("TEAM_SALES")) as sales:
        sales.execute(ADD_ITEM, ["Lamp", "Lumen"])
    [(names, after)] = entries(own_warehouse, '"PERSONAL_COLUMNS_TXT", "AFTER_TXT"')
    assert (names, "WEIGHT_KG" in after) == (["WEIGHT_KG"], False)
    left = apply(granting, policy, revoke=True).left
    assert left.differences == ()


def test_the_log_is_not_written_for_a_table_of_somebody_else(superuser):
    superuser.execute('create table public."TB_ITEM" ("ITEM_ID_NO" bigint)')
    superuser.execute(
        'create trigger mine after insert on public."TB_ITEM" for each row '
        "execute function \"ASSESSMENT\".write_audit('ITEM_ID_NO')"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="a table of somebody else"):
        superuser.execute('insert into public."TB_ITEM" values (1)')


def test_the_triggers_are_those_that_are_recorded(own_warehouse):
    with psycopg.connect(own_warehouse["DATABASE_URL"]) as loader:
        found = describe_triggers(loader)
    assert differences(found, recorded_triggers()) == [], "run `darkroom access triggers --write`"


@pytest.mark.parametrize(
    "change",
    [
        'alter table "ASSESSMENT"."TB_ITEM" disable trigger write_audit',
        'alter table "ASSESSMENT"."TB_ITEM" disable trigger queue_insert',
        'alter table "ASSESSMENT"."TB_ITEM" enable replica trigger write_audit',
        'drop trigger write_audit on "ASSESSMENT"."TB_ITEM"',
        'create rule mine as on update to "ASSESSMENT"."TB_ITEM" do instead nothing',
        'create or replace function "ASSESSMENT".write_audit() returns trigger '
        "language plpgsql as 'begin return null; end'",
        "alter database {database} set session_replication_role = replica",
    ],
)
def test_the_daily_check_notices_a_trigger_that_is_off_or_bypassed(
    superuser, own_warehouse, change
):
    platform = Platform.from_settings(Settings.of(own_warehouse))
    assert every_change_of_a_sales_table_is_stamped_audited_and_queued(platform=platform).passed
    superuser.execute(change.format(database=own_warehouse["DBT_DBNAME"]))
    result = every_change_of_a_sales_table_is_stamped_audited_and_queued(platform=platform)
    assert not result.passed
    assert result.description
