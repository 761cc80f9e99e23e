"""What people and programs are told when PostgreSQL fails, refuses, or meets a bug of our own."""

import logging
import traceback

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from assets.catalog.leases import MAX_ATTEMPTS
from assets.errors import ItemRefusedError, ServerRefusedError, ServerUnavailableError
from assets.resources.warehouse import Warehouse
from assets.timing import utc_now
from infra.postgres.bootstrap import UPLOADER
from tests.integration.upload_api import serving, upload_settings
from tests.unit.pictures import encoded, noise
from tests.upload_client import Api

JPEG = encoded(noise(), "JPEG")
PERSONAL = "ann@example.com"
PASSWORD = "a password of many words"


@pytest.fixture
def loader(own_warehouse) -> Warehouse:
    return Warehouse(own_warehouse["DATABASE_URL"])


def execute(warehouse: Warehouse, statements: tuple[str, ...]) -> None:
    with warehouse.connect() as connection:
        for statement in statements:
            connection.execute(statement)


def failing(warehouse: Warehouse, *statements: str) -> Exception:
    """Executes statements in one transaction, and returns what is raised."""
    with pytest.raises(Exception, match=r".") as raised:
        execute(warehouse, statements)
    return raised.value


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"password": "wrong"}, "password authentication failed"),
        ({"user": "nobody_of_that_name"}, "password authentication failed"),
        ({"dbname": "no_such_database"}, "does not exist"),
        ({"dbname": "postgres"}, "permission denied for database"),
    ],
)
def test_a_connection_that_is_not_allowed_is_refused(loader, changed, reason):
    error = failing(Warehouse(make_conninfo(loader.conninfo, **changed)))
    assert type(error) is ServerRefusedError
    assert reason in str(error)
    assert "wrong" not in str(error)


def test_a_role_with_too_many_connections_waits(loader, superuser):
    name = f"crowded_{superuser.info.dbname}"
    superuser.execute(f"create role {name} login password '{PASSWORD}' connection limit 0")
    superuser.execute(f"grant connect on database {superuser.info.dbname} to {name}")
    error = failing(Warehouse(make_conninfo(loader.conninfo, user=name, password=PASSWORD)))
    superuser.execute(f"drop owned by {name}; drop role {name}")
    assert type(error) is ServerUnavailableError
    assert "too many connections" in str(error)


def test_a_statement_without_the_privilege_is_refused_and_the_message_names_it(loader):
    error = failing(loader, 'select * from "ASSESSMENT"."TB_MEMBERSHIP"')
    assert type(error) is ServerRefusedError
    assert "42501 InsufficientPrivilege: permission denied for table TB_MEMBERSHIP" in str(error)


def test_a_write_on_a_standby_is_refused(loader):
    error = failing(loader, "set transaction read only", "delete from image_catalog.image")
    assert type(error) is ServerRefusedError
    assert "25006 ReadOnlySqlTransaction" in str(error)


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["set statement_timeout = 50", "select pg_sleep(9)"], "57014 QueryCanceled"),
        (
            ["select pg_terminate_backend(pg_backend_pid())", "select 1"],
            "57P01 AdminShutdown",
        ),
        (
            ["do $$ begin raise 'No space left' using errcode = '53100'; end $$"],
            "53100 DiskFull: No space left",
        ),
        (
            ["do $$ begin raise 'again' using errcode = '40001'; end $$"],
            "40001 SerializationFailure",
        ),
    ],
)
def test_a_server_that_cannot_serve_at_the_moment_is_waited_for(loader, statements, reason):
    error = failing(loader, *statements)
    assert type(error) is ServerUnavailableError
    assert reason in str(error)


def test_a_lock_that_another_holds_is_waited_for(loader, owner):
    with owner.transaction():
        owner.execute("lock table image_catalog.image")
        wanted = "lock table image_catalog.image in row share mode"
        error = failing(loader, "set lock_timeout = 50", wanted)
    assert type(error) is ServerUnavailableError
    assert "55P03 LockNotAvailable" in str(error)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("insert into person values ('{}'), ('{}')", "23505 UniqueViolation"),
        ("insert into person values (null)", "23502 NotNullViolation"),
        ("insert into person values ('{} and much more')", "22001 StringDataRightTruncation"),
        ("select '{}'::uuid", "22P02 InvalidTextRepresentation"),
        ("select '{}'::timestamptz", "22007 InvalidDatetimeFormat"),
    ],
)
def test_a_refused_value_is_one_item_and_is_quoted_nowhere(loader, statement, named):
    table = "create temporary table person (email varchar(20) primary key, other text)"
    error = failing(loader, table, statement.replace("{}", PERSONAL))
    assert type(error) is ItemRefusedError
    assert named in str(error)
    assert PERSONAL not in "".join(traceback.format_exception(error))


def test_a_bug_of_our_own_is_raised_as_it_is(loader):
    error = failing(loader, "select no_such_column from image_catalog.image")
    assert type(error) is psycopg.errors.UndefinedColumn
    assert "does not answer" not in str(error)


def test_an_image_whose_facts_are_refused_is_given_up_and_its_neighbours_are_processed(
    platform, owner, pictures
):
    first, second = pictures[:2]
    platform.drop("fine.jpg", first.body)
    platform.drop("refused.jpg", second.body)
    platform.register()
    owner.execute(
        "alter table image_catalog.image add constraint not_this_one check"
        " (object_key <> 'refused.jpg' or state <> 'processed')"
    )
    summary = platform.process()
    assert (summary.processed, summary.deferred, summary.rejected) == (1, 1, 0)
    [what] = summary.failures
    assert "PostgreSQL refuses the outcome: 23514 CheckViolation" in what
    assert "refused.jpg" not in what
    for _ in range(MAX_ATTEMPTS):
        owner.execute("update image_catalog.image set lease_until = now() - interval '1 s'")
        platform.process()
    assert platform.states() == {"processed": 1, "gave_up": 1}


def test_a_bug_of_our_own_while_outcomes_are_written_fails_the_run(platform, owner, pictures):
    platform.drop("fine.jpg", pictures[0].body)
    platform.register()
    owner.execute("alter table image_catalog.image rename column orientation to turned")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        platform.process(day=utc_now().date())
    assert platform.states() == {"waiting": 1}


def test_an_upload_api_whose_role_lost_a_right_says_that_it_is_refused(
    stack, settings, owner, issue_key
):
    with serving(upload_settings(stack, settings)) as address:
        api = Api(address, issue_key("shop"))
        assert api.send(JPEG).status_code == 201
        owner.execute(f"revoke select on image_catalog.image from {UPLOADER}")
        refused = api.get("/v1/images")
        assert refused.status_code == 503
        assert "refuses what it needs" in refused.json()["detail"]
        assert "image_catalog" not in refused.text
        assert api.send(JPEG).status_code == 202


def test_an_upload_api_with_a_bug_of_its_own_keeps_the_image_and_writes_the_traceback(
    stack, settings, owner, issue_key, caplog
):
    with serving(upload_settings(stack, settings)) as address:
        api = Api(address, issue_key("shop"))
        assert api.send(JPEG).status_code == 201
        owner.execute("alter table image_catalog.image rename column origin to source_of_it")
        with caplog.at_level(logging.WARNING):
            assert api.send(JPEG).status_code == 202
    [kinds] = [one.exc_info[0] for one in caplog.records if one.exc_info]
    assert kinds is psycopg.errors.UndefinedColumn


def test_an_upload_api_with_a_wrong_password_says_that_the_database_refuses(stack, settings):
    made = upload_settings(stack, settings, upload_database_seconds=5)
    wrong = make_conninfo(made.database_url.get_secret_value(), password="wrong")
    with serving(made.model_copy(update={"database_url": SecretStr(wrong)})) as address:
        ready = Api(address, "").get("/readyz").json()
    assert (ready["status"], ready["database"]) == ("degraded", "refuses")
