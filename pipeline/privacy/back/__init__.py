"""Who came back after an erasure, with a backup or by another hand: known by MACs alone (gdpr.md, section 7)."""
