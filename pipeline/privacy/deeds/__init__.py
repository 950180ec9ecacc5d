"""The ledger of deeds: what was done, chained and signed, and the journal by which a batch resumes."""
