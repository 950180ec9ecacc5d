"""Reports, statuses and records of processing, without personal data."""
