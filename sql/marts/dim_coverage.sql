-- grain: one row per app and kind of thing, user or conversation
-- key: app_id, entity
-- column app_id: Id of the app.
-- column entity: user or conversation.
-- column n_known: How many the export knows of.
-- column n_walked: How many of them it read.
-- column n_gone: How many are gone, or merged into others.
-- column n_failed: How many it could not read, because of an error or a missing permission.
-- column n_pending: How many are still to be read, or read again.
-- column share_walked: n_walked / n_known; null if none is known.
-- column as_of: Start of the app's last complete run, in UTC; null if there was none.
-- check: n_walked <= n_known
-- check: share_walked between 0 and 1
-- not null: n_known, n_walked, n_gone, n_failed, n_pending
-- How much of what is known the numbers of all other marts are about. What nobody knows of can't be counted: no call
-- lists all users or conversations of an app.
select
    coverage.app_id,
    coverage.entity,
    coverage.n_known,
    coverage.n_walked,
    coverage.n_gone,
    coverage.n_failed,
    coverage.n_pending,
    coverage.n_walked / nullif(coverage.n_known, 0) as share_walked,
    make_timestamp(progress.as_of_ms * 1000) as as_of
from raw.coverage as coverage
left join raw.app_as_of as progress
    on coverage.app_id = progress.app_id
