{#-
    A view that is replaced in place. dbt's default drops the old view and its dependants, so analysts would find nothing
    until the dependants are built again, or for as long as a failing test blocks them. PostgreSQL can replace a view that
    keeps its columns or adds some at the end; after any other change the old view and its dependants are dropped, and dbt
    builds them again in the same run.
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
        begin
            create or replace view {{ view }} with (security_barrier = {{ is_barrier }}) as (
                {{ sql }}
            );
        exception when invalid_table_definition then
            drop view {{ view }} cascade;
            create view {{ view }} with (security_barrier = {{ is_barrier }}) as (
                {{ sql }}
            );
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
