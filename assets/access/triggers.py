"""The triggers of the sales tables, which stamp, audit and queue every change: are they in place?

`infra/postgres/triggers.txt` holds what the migrations make of them, as PostgreSQL describes it: a
line per trigger, with the digest of its function, and none for what else could bypass triggers.
"""

from collections.abc import Collection
from pathlib import Path

from assets.resources.warehouse import Connection, read_values

TRIGGERS = Path(__file__).parents[2] / "infra" / "postgres" / "triggers.txt"

# Rules can divert a change, and a replica's session fires no trigger.
_DESCRIBED = """
    select format(
        '%s; -- %s, function %s',
        pg_get_triggerdef(pg_trigger.oid),
        case tgenabled when 'O' then 'enabled' when 'A' then 'always enabled' else 'disabled' end,
        left(encode(sha256(pg_get_functiondef(tgfoid)::bytea), 'hex'), 16)
    )
    from pg_trigger
    inner join pg_class on pg_class.oid = tgrelid
    where relnamespace = '"ASSESSMENT"'::regnamespace and not tgisinternal
    union all
    select pg_get_ruledef(pg_rewrite.oid)
    from pg_rewrite
    inner join pg_class on pg_class.oid = ev_class
    where relnamespace = '"ASSESSMENT"'::regnamespace and relkind <> 'v'
    union all
    select format('-- sessions of %s start with %s', coalesce(rolname::text, 'everybody'), setting)
    from pg_db_role_setting
    left join pg_roles on pg_roles.oid = setrole
    cross join unnest(setconfig) as setting
    where setting like 'session_replication_role=%%'
    order by 1
"""


def describe_triggers(connection: Connection) -> list[str]:
    """Returns a line for every trigger, and for whatever bypasses triggers, as any role can."""
    return read_values(connection, _DESCRIBED)


def differences(found: Collection[str], recorded: Collection[str]) -> list[str]:
    """Returns a sentence for every line that only the database or only the file has."""
    missing = (f"Missing: {line}" for line in recorded if line not in found)
    return [
        *missing,
        *(f"Not in {TRIGGERS.name}: {line}" for line in found if line not in recorded),
    ]


def recorded_triggers() -> list[str]:
    """Reads the file."""
    return TRIGGERS.read_text().splitlines()
