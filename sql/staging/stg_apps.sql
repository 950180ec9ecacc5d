-- grain: one row per app, in its newest version
-- key: app_id
select
    app_id,
    subdomain,
    try_cast(settings ->> '$.conversationRetentionSeconds' as bigint) as conversation_retention_seconds
from raw.apps
qualify row_number() over (
    partition by app_id
    order by exported_at desc, run_id desc
) = 1
