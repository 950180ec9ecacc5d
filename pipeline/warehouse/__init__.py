"""DuckDB over the lake: connection, views, queries."""
