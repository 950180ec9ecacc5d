"""Parquet: schemas, rows, commit and recovery, compaction, storage."""
