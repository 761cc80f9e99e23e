"""A member of the analysts' team, who asks the questions of a benchmark."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from assets.access.people import create_person, remove_person
from assets.access.policy import load_policy

_ANALYST = "bench_analyst"


@contextmanager
def as_analyst(env: Mapping[str, str]) -> Iterator[psycopg.Connection]:
    """Connects as a member of TEAM_ANALYTICS, without its timeout: plain views are slow."""
    password = create_person(env["DATABASE_ADMIN_URL"], load_policy(), _ANALYST, "TEAM_ANALYTICS")
    conninfo = make_conninfo(
        env["DATABASE_URL"], user=_ANALYST, password=password, options="-c statement_timeout=0"
    )
    try:
        with psycopg.connect(conninfo, autocommit=True) as analyst:
            yield analyst
    finally:
        remove_person(env["DATABASE_ADMIN_URL"], load_policy(), _ANALYST)
