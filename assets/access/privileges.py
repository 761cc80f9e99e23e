"""What PostgreSQL holds about access, as facts: privileges, memberships, settings, owners."""

from itertools import chain

from assets.access.catalog import Catalog, catalog_query, rows_of
from assets.access.facts import (
    Attribute,
    ConnectionLimit,
    Fact,
    Grant,
    InTeams,
    Kind,
    Member,
    Membership,
    Name,
    Owner,
    Personal,
    Setting,
)
from assets.access.policy import Policy
from assets.resources.warehouse import Connection

# A null list means PostgreSQL's default privileges, by which PUBLIC executes every function. In
# PostgreSQL's own schemas, the privileges of PUBLIC and of predefined roles are left to the server.
_GRANTS = catalog_query("""
    with lists (kind, name, column_name, owner, is_ours, list) as (
        select
            'database', array[datname::text], null::text, datdba, true,
            coalesce(datacl, acldefault('d', datdba))
        from pg_database
        where datname = current_database()
        union all
        select
            'schema', array[nspname::text], null, nspowner, {is_ours},
            coalesce(nspacl, acldefault('n', nspowner))
        from pg_namespace
        where nspname !~ '^pg_(temp|toast)'
        union all
        select
            {relation_kind}, array[nspname, relname]::text[], null, relowner, {is_ours},
            coalesce(
                relacl,
                acldefault(case when relkind = 'S' then 's'::"char" else 'r' end, relowner)
            )
        from pg_class
        join pg_namespace on pg_namespace.oid = relnamespace
        where {is_relation} and ({is_ours} or relacl is not null)
        union all
        select
            {relation_kind}, array[nspname, relname]::text[], attname, relowner, {is_ours}, attacl
        from pg_attribute
        join pg_class on pg_class.oid = attrelid
        join pg_namespace on pg_namespace.oid = relnamespace
        where attacl is not null and not attisdropped
        union all
        select
            'routine', array[nspname, proname]::text[] || {arguments}, null, proowner,
            {is_ours} or {is_closed},
            coalesce(proacl, acldefault('f', proowner))
        from pg_proc
        join pg_namespace on pg_namespace.oid = pronamespace
        where {is_ours} or {is_closed} or proacl is not null
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
""")
_ATTRIBUTES = """
    select rolname::text, attribute.name
    from pg_roles
    cross join lateral (
        values
        ('SUPERUSER', rolsuper), ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb),
        ('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls),
        ('LOGIN', rolcanlogin and rolname = any(%(known)s))
    ) as attribute (name, is_so)
    where attribute.is_so and rolname !~ '^pg_' and not rolname = any(%(operators)s)
"""
# PostgreSQL grants the creator of a role its administration without its rights. CREATEROLE implies
# that for people, but not for a role of the access file.
_MEMBERSHIPS = """
    select
        member.rolname::text,
        granted.rolname::text,
        bool_or(inherit_option),
        bool_or(set_option),
        bool_or(admin_option)
    from pg_auth_members
    join pg_roles as member on member.oid = pg_auth_members.member
    join pg_roles as granted on granted.oid = pg_auth_members.roleid
    where
        member.rolname !~ '^pg_'
        and not member.rolname = any(%(operators)s)
        and (
            member.rolname = any(%(known)s)
            or granted.rolname = any(%(known)s)
            or granted.rolname ~ '^pg_'
        )
        and not (
            member.rolname = %(creator)s
            and granted.rolname <> all(%(ours)s)
            and granted.rolname !~ '^pg_'
            and not inherit_option
            and not set_option
        )
    group by 1, 2
"""
_SETTINGS = """
    select
        rolname::text,
        split_part(setting, '=', 1),
        substr(setting, strpos(setting, '=') + 1),
        datname::text
    from pg_db_role_setting
    join pg_roles on pg_roles.oid = setrole
    left join pg_database on pg_database.oid = setdatabase
    cross join unnest(setconfig) as setting
    where rolname = any(%(known)s)
"""
_PERSONAL = 'select relation_name, column_name from "ASSESSMENT".personal_column'
_LIMITS = "select rolname::text, rolconnlimit from pg_roles where rolname = any(%(people)s)"


def read_facts(connection: Connection, policy: Policy, catalog: Catalog) -> set[Fact]:
    """Returns all facts about the roles of the connected database, as any role can read them."""
    people, ours = list(catalog.people), list(policy.holders)
    values = {
        "makers": list(policy.owners),
        "people": people,
        "ours": ours,
        "known": [*ours, *people],
        "operators": policy.operators,
        "creator": policy.creators[0],
    }
    return {
        *chain.from_iterable(rows_of(connection, _grants, _GRANTS, **values)),
        *chain.from_iterable(rows_of(connection, _members, _MEMBERSHIPS, **values)),
        *rows_of(connection, Attribute, _ATTRIBUTES, **values),
        *rows_of(connection, Setting, _SETTINGS, **values),
        *rows_of(connection, ConnectionLimit, _LIMITS, **values),
        *rows_of(connection, Personal, _PERSONAL),
        *(InTeams(name, teams) for name, teams in catalog.people.items() if len(teams) > 1),
        *(
            Owner(role, kind, name)
            for role, kind, name in catalog.owned_objects()
            if role not in policy.operators and not role.startswith("pg_")
        ),
    }


def _grants(
    role: str, kind: str, name: Name, column: str | None, privilege: str, is_grantable: bool
) -> list[Grant]:
    """Returns two facts where a privilege may be granted to others: having it, and granting it."""
    options = [False, True] if is_grantable else [False]
    return [Grant(role, Kind(kind), name, column, privilege, option) for option in options]


def _members(role: str, group: str, *rights: bool) -> list[Member]:
    given = zip(Membership, rights, strict=True)
    return [Member(role, group, right) for right, is_given in given if is_given]
