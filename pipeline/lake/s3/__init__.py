"""Lakes in buckets of S3-compatible stores."""
