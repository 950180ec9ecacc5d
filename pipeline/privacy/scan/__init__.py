"""The verification scan: no byte of an erased person is left in any file that sunlake wrote (gdpr.md, section 8)."""
