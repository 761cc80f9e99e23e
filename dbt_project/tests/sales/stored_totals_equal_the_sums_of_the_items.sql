-- Real data has transactions whose totals differ: they are shown and counted, and break nothing.
{{ config(severity='warn') }}

select transaction_id
from {{ ref('view_transaction_discrepancies') }}
