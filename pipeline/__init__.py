"""sunlake: Sunshine Conversations into a lake of Parquet."""
