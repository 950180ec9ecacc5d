-- grain: one row per confirmed batch of privacy requests
-- key: batch_id
-- column batch_id: Id of the batch, as `sunlake erase status` names it.
-- column state: complete, partial, aborted, or open as long as it goes on.
-- column count_subjects: People it is about, whatever their requests ask for.
-- column count_erased: Those of them who were to be erased or masked in the lake.
-- column count_files_rewritten: Files of the lake that were rewritten or removed.
-- column count_rows_removed: Rows that were removed from them, in all versions.
-- column count_rows_changed: Rows that stay without what was the subjects'.
-- column bytes_before: Bytes of those files before.
-- column bytes_after: Bytes of those files after.
-- column scan_verdict: clean, residual, incomplete or void, as the last scan of the batch ended; null without one.
-- column had_warehouse: Whether it removed a warehouse, so that numbers seen before may differ from those after.
-- column confirmed_at: When its plan was confirmed, in UTC.
-- column closed_at: When it was closed for the last time, in UTC; null while it is open.
-- column rebuilt_at: When the models were built anew after it, in UTC; null if they were not.
-- check: closed_at >= confirmed_at
-- check: state in ('complete', 'partial', 'aborted', 'open')
-- check: count_erased >= 0
-- check: count_files_rewritten > 0 or count_rows_removed + count_rows_changed = 0
-- not null: state, confirmed_at, count_subjects, count_erased, count_files_rewritten, had_warehouse
-- What an auditor asks of erasures, from the ledger of deeds, which names nobody. `sunlake erase verify` proves it.
select
    batches.batch_id,
    batches.state,
    batches.count_subjects,
    batches.count_erased,
    batches.count_files_rewritten,
    batches.count_rows_removed,
    batches.count_rows_changed,
    batches.bytes_before,
    batches.bytes_after,
    batches.scan_verdict,
    batches.had_warehouse,
    make_timestamp(batches.confirmed_ms * 1000) as confirmed_at,
    make_timestamp(batches.closed_ms * 1000) as closed_at,
    make_timestamp(batches.rebuilt_ms * 1000) as rebuilt_at
from raw.erasure_batches as batches
