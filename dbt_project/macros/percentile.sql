{#-
    Seconds at a percentile of an aggregate's rows: buckets of times with `images` in each, the `first_rank` of each, counted
    from 0, and the number of `all_images`. As `percentile_cont`, it interpolates between the two images beside the rank; the
    middle of its bucket stands for a time. image_catalog.percentile_of is the same for stored totals.
-#}
{% macro percentile(share) -%}
    {%- set rank = '(' ~ share ~ ' * (all_images - 1))' -%}
    {%- set is_floor = 'floor(' ~ rank ~ ') >= first_rank and floor(' ~ rank ~ ') < first_rank + images' -%}
    {%- set is_ceiling = 'ceil(' ~ rank ~ ') >= first_rank and ceil(' ~ rank ~ ') < first_rank + images' -%}
    sum(
        case when bucket = 0 then 0 else 0.0001 * 1.1::double precision ^ (bucket - 0.5) end * (
            case when {{ is_floor }} then 1 - {{ rank }} + floor({{ rank }}) else 0 end
            + case when {{ is_ceiling }} then {{ rank }} - floor({{ rank }}) else 0 end
        )
    )::numeric(12, 4)
{%- endmacro %}
