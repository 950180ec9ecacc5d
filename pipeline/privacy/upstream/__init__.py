"""Erasure at Sunshine Conversations itself (gdpr.md, section 5, steps 3 to 8)."""
