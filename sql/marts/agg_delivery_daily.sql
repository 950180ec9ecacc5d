-- grain: one row per app, local date and destination type
-- key: app_id, local_date, destination_type
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Date of the first delivery event of the messages in the configured time zone.
-- column destination_type: Channel that the messages were sent to.
-- column n_final: Deliveries whose outcome is known.
-- column n_failed: How many of them failed.
-- column n_in_flight: Deliveries with events, but none that is final.
-- column failure_rate: n_failed / n_final; null if no outcome is known.
-- check: n_failed <= n_final
-- check: failure_rate between 0 and 1
-- not null: n_final, n_failed, n_in_flight
-- How often messages do not arrive. Only deliveries that webhooks told of count, never all messages sent: where no
-- webhook listens, silence would look like success. All three delivery triggers must be subscribed, or the rate is off.
select
    app_id,
    local_date,
    destination_type,
    count(final_type) as n_final,
    count(*) filter (where is_failed) as n_failed,
    count(*) filter (where final_type is null) as n_in_flight,
    count(*) filter (where is_failed) / nullif(count(final_type), 0) as failure_rate
from marts.fct_deliveries
group by app_id, local_date, destination_type
