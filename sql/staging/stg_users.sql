-- grain: one row per user, in its newest version, unless the user is gone
-- key: app_id, user_id
-- view: yes
with newest as (
    select
        app_id,
        user_id,
        brand_id,
        locale,
        authenticated,
        signed_up_at,
        exported_at
    from raw.users
    qualify row_number() over (
        partition by app_id, user_id
        order by exported_at desc, run_id desc
    ) = 1
)

select
    newest.app_id,
    newest.user_id,
    newest.brand_id,
    newest.locale,
    coalesce(newest.authenticated, false) as is_authenticated,
    make_timestamp(epoch_ms(newest.signed_up_at) * 1000) as signed_up_at
from newest
anti join raw.buried as buried
    on
        newest.app_id = buried.app_id
        and buried.entity = 'user'
        and newest.user_id = buried.entity_id
        and newest.exported_at <= buried.seen_at
anti join raw.restricted as restricted_user
    on restricted_user.kind = 'user' and newest.user_id = restricted_user.id
