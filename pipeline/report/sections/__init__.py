"""The sections of the report, one file each: its queries, its tables, its charts and its words."""
