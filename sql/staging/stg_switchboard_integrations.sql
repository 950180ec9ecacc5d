-- grain: one row per switchboard integration, in its newest version, unless it is gone
-- key: app_id, switchboard_integration_id
with newest as (
    select
        app_id,
        switchboard_integration_id,
        switchboard_id,
        name,
        integration_id,
        integration_type,
        exported_at
    from raw.switchboard_integrations
    qualify row_number() over (
        partition by app_id, switchboard_integration_id
        order by exported_at desc, run_id desc
    ) = 1
)

select
    newest.app_id,
    newest.switchboard_integration_id,
    newest.switchboard_id,
    newest.name as switchboard_integration_name,
    newest.integration_id,
    newest.integration_type
from newest
anti join raw.buried as buried
    on
        newest.app_id = buried.app_id
        and buried.entity = 'switchboard_integration'
        and newest.switchboard_integration_id = buried.entity_id
        and newest.exported_at <= buried.seen_at
