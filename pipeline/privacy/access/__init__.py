"""The copy of one person's data (Art. 15 and 20 GDPR): a zip that a layperson can read and a machine can load."""
