"""The plan of a batch: what would go, what it would cost, and its confirmation."""
