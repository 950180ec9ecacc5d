"""Batches of requests: read, held, stored, and the sealed file of whom they are about."""
