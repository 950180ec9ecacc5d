-- grain: one row per user that was merged into another one, and the other one
-- key: app_id, discarded_user_id, surviving_user_id
-- Merges are known from the export, which found another user under the old id, and from webhooks.
with
ledger as (
    select
        app_id,
        discarded_user_id,
        surviving_user_id
    from raw.user_merges
),

told as (
    select
        events.app_id,
        events.payload ->> '$.mergedUsers.discarded.id' as discarded_user_id,
        events.payload ->> '$.mergedUsers.surviving.id' as surviving_user_id
    from raw.events as events
    where events.type = 'user:merge'
),

pairs as (
    select * from ledger
    union
    select * from told
)

select pairs.*
from pairs
anti join raw.restricted as restricted_user
    on restricted_user.kind = 'user' and restricted_user.id in (pairs.discarded_user_id, pairs.surviving_user_id)
where
    pairs.discarded_user_id is not null and pairs.surviving_user_id is not null
    and pairs.discarded_user_id != pairs.surviving_user_id
