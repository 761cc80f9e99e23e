{#- Query for the rows that one of two CTEs with the same columns has and the other has not. -#}
{% macro differing_rows(expected, found) -%}
    (
        select * from {{ expected }}
        except all
        select * from {{ found }}
    )
    union all
    (
        select * from {{ found }}
        except all
        select * from {{ expected }}
    )
{%- endmacro %}
