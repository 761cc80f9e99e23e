"""What PostgreSQL really holds: every privilege that is not an owner's, read from the catalogs."""

from __future__ import annotations

from assets.access.catalog import ARGUMENTS, OURS, RELATIONS, rows_of
from assets.access.facts import Grant, Kind
from assets.access.policy import Policy
from assets.resources.warehouse import Connection

_RELATION_KIND = "case when relkind = 'S' then 'sequence' else 'relation' end"

# An absent list means PostgreSQL's default, with which PUBLIC executes every function. In
# PostgreSQL's own schemas PUBLIC and the roles that come with it are the server's business.
_GRANTS = f"""
    with lists (kind, name, column_name, owner, is_ours, list) as (
        select
            'database', array[datname::text], null::text, datdba, true,
            coalesce(datacl, acldefault('d', datdba))
        from pg_database
        where datname = current_database()
        union all
        select
            'schema', array[nspname::text], null, nspowner, {OURS},
            coalesce(nspacl, acldefault('n', nspowner))
        from pg_namespace
        where nspname !~ '^pg_(temp|toast)'
        union all
        select
            {_RELATION_KIND}, array[nspname, relname]::text[], null, relowner, {OURS},
            coalesce(
                relacl,
                acldefault(case when relkind = 'S' then 's'::"char" else 'r' end, relowner)
            )
        from pg_class
        join pg_namespace on pg_namespace.oid = relnamespace
        where {RELATIONS} and ({OURS} or relacl is not null)
        union all
        select
            {_RELATION_KIND}, array[nspname, relname]::text[], attname, relowner, {OURS}, attacl
        from pg_attribute
        join pg_class on pg_class.oid = attrelid
        join pg_namespace on pg_namespace.oid = relnamespace
        where attacl is not null and not attisdropped
        union all
        select
            'routine', array[nspname, proname]::text[] || {ARGUMENTS}, null, proowner, {OURS},
            coalesce(proacl, acldefault('f', proowner))
        from pg_proc
        join pg_namespace on pg_namespace.oid = pronamespace
        where {OURS} or proacl is not null
        union all
        select 'parameter', array[parname], null, 10, true, paracl
        from pg_parameter_acl
        union all
        select
            'default',
            array[
                pg_get_userbyid(defaclrole)::text,
                case defaclobjtype
                    when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'routines'
                    when 'T' then 'types' when 'n' then 'schemas' else 'large objects'
                end,
                coalesce(nspname::text, '')
            ],
            null, defaclrole, true, defaclacl
        from pg_default_acl
        left join pg_namespace on pg_namespace.oid = defaclnamespace
        union all
        select
            'default', array[rolname::text, 'routines', ''], null, oid, true,
            acldefault('f', oid)
        from pg_roles
        where rolname = any(%(makers)s) and not exists (
            select
            from pg_default_acl
            where defaclrole = pg_roles.oid and defaclobjtype = 'f' and defaclnamespace = 0
        )
    )
    select
        coalesce(role.rolname::text, 'PUBLIC'),
        lists.kind,
        lists.name,
        lists.column_name,
        item.privilege_type,
        bool_or(item.is_grantable)
    from lists
    cross join aclexplode(lists.list) as item
    left join pg_roles as role on role.oid = item.grantee
    where
        item.grantee <> lists.owner
        and not coalesce(role.rolsuper, false)
        and (lists.is_ours or (role.rolname is not null and role.rolname !~ '^pg_'))
    group by 1, 2, 3, 4, 5
"""  # noqa: S608


def read_grants(connection: Connection, policy: Policy) -> set[Grant]:
    """Returns every privilege of every role on what it does not own; superusers need none.

    A privilege that may be passed on is two: having it, and passing it on.
    """
    found = rows_of(connection, _grants, _GRANTS, makers=list(policy.owners))
    return {grant for grants in found for grant in grants}


def _grants(
    role: str, kind: str, name: list[str], column: str | None, privilege: str, is_grantable: bool
) -> list[Grant]:
    ways = [False, True] if is_grantable else [False]
    return [Grant(role, Kind(kind), tuple(name), column, privilege, way) for way in ways]
