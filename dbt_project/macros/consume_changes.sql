{#-
    Moves the keys of a queue of schema `change_queue` to a temporary table `<queue>_consumed`, for the model whose
    `pre_hook` this is. It does so in the model's own transaction: when the build fails, the keys stay queued.
-#}
{% macro consume_changes(queue, key) -%}
    select pg_advisory_xact_lock(hashtext('change_queue.{{ queue }}'));
    create temporary table {{ queue }}_consumed on commit drop as
    select {{ key }} from change_queue.{{ queue }} with no data;
    with consumed as (
        delete from change_queue.{{ queue }} returning {{ key }}
    )
    insert into {{ queue }}_consumed ({{ key }}) select distinct {{ key }} from consumed;
    analyze {{ queue }}_consumed
{%- endmacro %}
