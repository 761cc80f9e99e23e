{#-
    Stores up to which batch the model whose `pre_hook` this is sums up the bookings, and selects those that it has not
    summed up yet into the temporary table `new_bookings`, for an incremental build. Both happen in the model's own
    transaction.
-#}
{% macro select_new_bookings() -%}
    {%- set bookings = ref('int_sales__booked') -%}
    {%- set this_aggregate = "aggregate_name = '" ~ this.name ~ "'" -%}
    insert into change_queue.summed_batch (aggregate_name)
    values ('{{ this.name }}')
    on conflict (aggregate_name) do nothing;
    update change_queue.summed_batch
    set after_batch = upto_batch, upto_batch = coalesce((select max(batch) from {{ bookings }}), upto_batch)
    where {{ this_aggregate }}
    {%- if is_incremental() %};
    create temporary table new_bookings on commit drop as
    select bookings.*
    from {{ bookings }} as bookings
    where
        bookings.batch > (select after_batch from change_queue.summed_batch where {{ this_aggregate }})
        and bookings.batch <= (select upto_batch from change_queue.summed_batch where {{ this_aggregate }});
    analyze new_bookings
    {%- endif %}
{%- endmacro %}
