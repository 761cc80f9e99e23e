{#-
    Takes the keys that wait in a queue of schema `change_queue` into a temporary table `<queue>_taken`, for the model
    whose `pre_hook` this is. Keys are taken in the model's own transaction: a build that fails takes nothing.
-#}
{% macro take_changes(queue, key) -%}
    select pg_advisory_xact_lock(hashtext('change_queue.{{ queue }}'));
    create temporary table {{ queue }}_taken on commit drop as
    select {{ key }} from change_queue.{{ queue }} with no data;
    with taken as (
        delete from change_queue.{{ queue }} returning {{ key }}
    )
    insert into {{ queue }}_taken ({{ key }}) select distinct {{ key }} from taken;
    analyze {{ queue }}_taken
{%- endmacro %}
