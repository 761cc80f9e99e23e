"""Whether somebody who may log in to the database can stall it, fill it, or find another one."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from assets.access.facts import fill
from assets.access.policy import load_policy
from assets.errors import DarkroomError
from assets.resources.warehouse import Connection, read_value, read_values
from assets.retention.purge import Purge
from assets.timing import utc_now
from infra.console import counted
from infra.local import dbt
from tests.campaigns.security.attempt import Attempt, Target
from tests.campaigns.security.means import picture, registered
from tests.waiting import wait_until

_TEAMS = tuple(load_policy().teams)
_MINUTE = 60.0
_WAIT_SECONDS = 300.0
# What a person can change of the own session; no limit that holds is among it.
_UNLIMITED = """
    set default_transaction_read_only = off;
    set statement_timeout = 0;
    set lock_timeout = 0;
    set idle_in_transaction_session_timeout = 0;
    set work_mem = '1GB'
"""
_READABLE = """
    select nspname::text, relname::text
    from pg_class
    inner join pg_namespace on pg_namespace.oid = relnamespace
    where
        relkind in ('r', 'p', 'v')
        and nspname !~ '^(pg_|information_schema$)'
        and has_schema_privilege(pg_namespace.oid, 'usage')
        and has_any_column_privilege(pg_class.oid, 'select')
    order by nspname, relname
"""
_MODES = ("row share", "row exclusive", "share update exclusive", "share", "access exclusive")
_OF_ROWS = ("select 1 from {} for update nowait", "select 1 from {} for key share nowait")
_ADVISORY = (
    "select pg_advisory_lock(hashtext('change_queue.changed_transaction'))",
    "select pg_advisory_lock_shared(hashtext('change_queue.changed_transaction'))",
    "select pg_advisory_xact_lock(hashtext('change_queue.changed_transaction'))",
    "select pg_try_advisory_lock(hashtext('retention.purge_receipt'))",
    "select pg_try_advisory_xact_lock(hashtext('image_catalog.ensure_day'))",
    "select pg_advisory_lock(number) from generate_series(1, 1000) as number",
)
_CALLS = (
    """call "ASSESSMENT".add_item('Held', 'Nobody', 1, 1)""",
    'call "ASSESSMENT".change_item(1, cost => 1)',
    'call "ASSESSMENT".retire_item(2)',
    'call "ASSESSMENT".complete_transaction('
    '(select min("TRANSACTION_ID_NO") from "ASSESSMENT"."TB_TRANSACTION" '
    "where \"STATUS_CD\" = 'PENDING'))",
)
_CHANGES = ('delete from "ASSESSMENT"."TB_ITEM"', 'truncate "ASSESSMENT"."TB_ITEM"')
_LIMITS = (
    "set temp_file_limit = -1",
    "alter role current_user set temp_file_limit = -1",
    "alter role current_user connection limit -1",
)
_OBJECTS = {
    "a temporary table": "create temporary table mine (x int)",
    "a table in public": "create table public.mine (x int)",
    "a large object": "select lo_create(0)",
    "a large object with content": "select lo_from_bytea(0, 'x')",
}


def _take_advisory_locks(target: Target) -> Iterator[str]:
    with target.platform.warehouse.connect() as program:
        program.execute(_ADVISORY[4])  # the loader may: the statement is right
    yield from _try_as_each_team(target, lambda _: map(fill, _ADVISORY))


def _lock_tables(target: Target) -> Iterator[str]:
    with psycopg.connect(target.person("TEAM_ANALYTICS"), autocommit=True) as analyst:
        wait_until(lambda: len(_readable(analyst)) > 5, "the views to be built")
    yield from _try_as_each_team(target, _locks)


def _change_tables(target: Target) -> Iterator[str]:
    yield from _try_as_each_team(target, lambda _: map(fill, _CHANGES))


def _stay_open(target: Target) -> Iterator[str]:
    """Holds what somebody of each team can hold, while the platform works; notes the effect."""
    # Work that waits for a session ends when the session does, before the thread is waited for.
    with ThreadPoolExecutor(1) as thread, ExitStack() as stack:
        undisturbed = dict(_work(target, thread))
        sessions = [stack.enter_context(_hostile_session(target, team)) for team in _TEAMS]
        began = time.monotonic()
        disturbed = dict(_work(target, thread))
        time.sleep(max(0.0, _MINUTE - (time.monotonic() - began)))
        for session in sessions:
            session.execute("select 1")  # it is still there, in the same transaction
    for name, seconds in disturbed.items():
        if seconds is None:
            yield f"{name} did not succeed while the sessions were open"
    effects = {
        name: seconds - before
        for name, seconds in disturbed.items()
        if seconds is not None and (before := undisturbed[name]) is not None
    }
    if not effects:
        raise AssertionError("nothing succeeded without the sessions")
    slowest = max(effects, key=lambda name: effects[name])
    target.notes.append(
        f"slowest effect of {counted(len(sessions), 'open session')}: {slowest} took "
        f"{disturbed[slowest]:.1f} s instead of {undisturbed[slowest]:.1f} s"
    )


def _work(target: Target, thread: ThreadPoolExecutor) -> Iterator[tuple[str, float | None]]:
    """Yields what the platform does with the seconds that it took; None ends it: no success."""
    works: Mapping[str, Callable[[Target], bool]] = {
        "the hourly build": lambda it: _builds(it),
        "a refresh of the sums": lambda it: _builds(it, "--select", "intermediate.sales"),
        "a purge": _purges,
        "the intake of an image": _takes_an_image_in,
        "reading every view": _reads_every_view,
    }
    for name, work in works.items():
        started = time.monotonic()
        try:
            has_succeeded = thread.submit(work, target).result(_WAIT_SECONDS)
        except TimeoutError:
            has_succeeded = False
        yield name, time.monotonic() - started if has_succeeded else None
        if not has_succeeded:
            return


def _builds(target: Target, *selection: str) -> bool:
    """Builds the views as a run does."""
    with tempfile.TemporaryDirectory() as folder:
        return dbt.run_dbt(target.env, "run", *selection, outputs=Path(folder)).succeeded


def _purges(target: Target) -> bool:
    try:
        Purge(target.platform).run(utc_now())
    except DarkroomError:
        return False
    return True


def _takes_an_image_in(target: Target) -> bool:
    key, store = f"attempt/{uuid4().hex}.jpg", target.platform.object_store
    store.put(store.settings.raw_bucket, key, picture(), "image/jpeg")
    return bool(registered(target, key))


def _reads_every_view(target: Target) -> bool:
    with psycopg.connect(target.person("TEAM_ANALYTICS"), autocommit=True) as analyst:
        reads = [fill("select * from {} limit 10", view) for view in _readable(analyst)]
        return all(_succeeds(analyst, read) for read in reads)


@contextmanager
def _hostile_session(target: Target, team: str) -> Iterator[Connection]:
    """Opens a transaction that holds everything that somebody of the team can get hold of."""
    with closing(_unlimited(target.person(team))) as person:
        reads = [fill("select 1 from {} limit 1", relation) for relation in _readable(person)]
        for statement in (*map(fill, (*_ADVISORY, *_CALLS)), *_locks(person), *reads):
            with suppress(psycopg.Error), person.transaction():
                person.execute(statement)
        yield person


def _find_other_databases(target: Target) -> Iterator[str]:
    with psycopg.connect(target.stack.superuser_conninfo()) as server:
        databases = read_values(server, "select datname::text from pg_database")
    for team in _TEAMS:
        reached = [name for name in databases if _reaches(target.person(team), name)]
        own = target.env["DBT_DBNAME"]
        if own not in reached:
            raise AssertionError(f"{team} cannot log in to the warehouse")
        yield from (f"{team} logs in to {name}" for name in reached if name != own)
        for name in reached:
            conninfo = make_conninfo(target.person(team), dbname=name)
            with closing(_unlimited(conninfo)) as person:
                for what, statement in _OBJECTS.items():
                    if _succeeds(person, fill(statement)):
                        yield f"{team} creates {what} in {name}"


def _reaches(conninfo: str, database: str) -> bool:
    try:
        psycopg.connect(make_conninfo(conninfo, dbname=database), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _raise_own_limits(target: Target) -> Iterator[str]:
    for team, person in _each_team(target):
        if read_value(person, "select current_setting('temp_file_limit')") == "-1":
            yield f"{team} writes temporary files without a limit"
    yield from _try_as_each_team(target, lambda _: map(fill, _LIMITS))


def _choose_a_short_password(target: Target) -> Iterator[str]:
    for team, person in _each_team(target):
        if not _succeeds(person, fill("alter role current_user password 'long-enough-12'")):
            raise AssertionError(f"{team} cannot choose a password at all")
        if _succeeds(person, fill("alter role current_user password 'short-one-1'")):
            yield f"{team} chooses a password of eleven characters"


def _create_days_without_end(target: Target) -> Iterator[str]:
    with target.platform.warehouse.connect() as loader:
        loader.execute("select image_catalog.ensure_day((now() at time zone 'UTC')::date)")
        loader.commit()
        for day in ("0044-03-15 BC", "1970-01-01", "infinity", "5874897-12-31"):
            if _succeeds(loader, fill("select image_catalog.ensure_day({})", sql.Literal(day))):
                yield f"a table for images of {day}"


def _readable(person: Connection) -> list[sql.Identifier]:
    """Returns the tables and views that somebody can read."""
    return [sql.Identifier(*names) for names in person.execute(_READABLE)]


def _locks(person: Connection) -> Iterator[sql.Composed]:
    """Yields statements that lock what somebody can read, or rows of it, against others."""
    for relation in _readable(person):
        for mode in _MODES:
            yield fill(f"lock table {{}} in {mode} mode nowait", relation)
        for locking in _OF_ROWS:
            yield fill(locking, relation)


def _unlimited(conninfo: str) -> Connection:
    """Opens a session without the limits that a person can lift."""
    person = psycopg.connect(conninfo)
    person.execute(_UNLIMITED)
    person.commit()
    return person


def _each_team(target: Target) -> Iterator[tuple[str, Connection]]:
    """Yields each team with a session of somebody in it."""
    for team in _TEAMS:
        with closing(_unlimited(target.person(team))) as person:
            yield team, person


def _try_as_each_team(
    target: Target, statements: Callable[[Connection], Iterable[sql.Composed]]
) -> Iterator[str]:
    """Yields the statements that PostgreSQL executes for somebody of a team."""
    for team, person in _each_team(target):
        for statement in statements(person):
            if _succeeds(person, statement):
                yield f"{team}: {statement.as_string(person)}"


def _succeeds(person: Connection, statement: sql.Composed) -> bool:
    """Whether PostgreSQL executes a statement, which is rolled back."""
    try:
        person.execute(statement)
    except psycopg.Error:
        return False
    finally:
        person.rollback()
    return True


ATTEMPTS = (
    Attempt("take the advisory locks of programs", _take_advisory_locks),
    Attempt("lock tables or rows as an ordinary member of a team", _lock_tables),
    Attempt("empty the catalogue of items past the procedures", _change_tables),
    Attempt("stall the platform by a session per team that stays open", _stay_open),
    Attempt("log in to databases beside the warehouse, or create objects", _find_other_databases),
    Attempt("fill the disk by raising the own limits", _raise_own_limits),
    Attempt("choose a password of less than twelve characters", _choose_a_short_password),
    Attempt("create tables for days without end, as the loader", _create_days_without_end),
)
