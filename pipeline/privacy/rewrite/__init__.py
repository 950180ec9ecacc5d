"""Rewriting the lake without the erased, proven; and forgetting them in all that came of it."""
