{#-
    A view that is replaced in place, and only when it differs from what its model says: to replace a view waits for
    everybody who reads it, and the next reader waits behind it. dbt's default drops the old view and its
    dependants, so analysts would find nothing until the dependants are built again, or for as long as a failing test
    blocks them. PostgreSQL can replace a view that keeps its columns or adds some at the end. Before any other change the
    old view makes place under a name with `__replaced_`: views over it go on reading it until they are built again, and
    `drop_replaced_views` drops it when none does.

    A view that is in use is tried again for a minute and a half, and holds nobody up for longer than `lock_timeout`.
-#}
{% materialization view, adapter='postgres' %}

    {%- set existing = load_cached_relation(this) -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- set is_barrier = config.get('meta', {}).get('security_barrier', false) | lower -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if existing is not none and not existing.is_view %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}

    {% call statement('main') -%}
        {% if config.get('contract').enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
        do $build$
        declare
            known constant regclass := to_regclass('{{ view }}');
            is_same boolean;
            waits constant text := current_setting('lock_timeout');
        begin
            create temporary view wanted with (security_barrier = {{ is_barrier }}) as (
                {{ sql }}
            );
            is_same := known is not null
                and pg_get_viewdef(known) = pg_get_viewdef('pg_temp.wanted'::regclass)
                and (select reloptions from pg_class where oid = known)
                = (select reloptions from pg_class where oid = 'pg_temp.wanted'::regclass);
            drop view pg_temp.wanted;
            if is_same then
                return;
            end if;
            for attempt in 1..60 loop
                begin
                    perform set_config('lock_timeout', '500ms', true);
                    begin
                        create or replace view {{ view }} with (security_barrier = {{ is_barrier }}) as (
                            {{ sql }}
                        );
                    exception when invalid_table_definition then
                        alter view {{ view }} rename to {{ adapter.quote(this.identifier ~ '__replaced_' ~ run_started_at.strftime('%Y%m%d%H%M%S')) }};
                        create view {{ view }} with (security_barrier = {{ is_barrier }}) as (
                            {{ sql }}
                        );
                    end;
                    perform set_config('lock_timeout', waits, true);
                    return;
                exception when lock_not_available then
                    perform pg_sleep(1);
                end;
            end loop;
            raise exception 'The view {{ view }} was in use all the time and is not replaced; the next build tries again.'
                using errcode = 'lock_not_available';
        end
        $build$;
    {%- endcall %}

    {% do apply_grants(view, config.get('grants'), should_revoke=should_revoke(existing)) %}
    {% do persist_docs(view, model) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [view]}) }}

{% endmaterialization %}

{#-
    Drops the views that were replaced, when no view reads them any more; the project runs it at the end of each run. To try
    and drop a view that others read would lock these: a deadlock with their readers.
-#}
{% macro drop_replaced_views() -%}
    do $drop$
    declare
        replaced regclass;
        has_dropped boolean := true;
    begin
        set local lock_timeout = '2s';
        while has_dropped loop
            has_dropped := false;
            for replaced in
                select oid from pg_class
                where
                    relkind = 'v' and relname like '%\_\_replaced\_%' and relowner = current_user::regrole
                    and not exists (
                        select from pg_depend
                        inner join pg_rewrite on pg_rewrite.oid = objid
                        where
                            classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass
                            and refobjid = pg_class.oid and ev_class <> pg_class.oid
                    )
            loop
                begin
                    execute format('drop view %s', replaced);
                    has_dropped := true;
                exception when lock_not_available then
                    null;
                end;
            end loop;
        end loop;
    end
    $drop$
{%- endmacro %}
