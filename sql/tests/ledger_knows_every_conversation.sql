-- The ledger knows of every conversation that the warehouse shows.
with
conversations as (
    select
        app_id,
        count(*) as n_conversations
    from marts.fct_conversations
    group by app_id
)

select
    conversations.app_id,
    conversations.n_conversations,
    coverage.n_known
from conversations
left join marts.dim_coverage as coverage
    on conversations.app_id = coverage.app_id and coverage.entity = 'conversation'
where conversations.n_conversations > coalesce(coverage.n_known, 0)
