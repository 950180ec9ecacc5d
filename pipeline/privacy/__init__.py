"""Erasure and access: batches, plans, deletion upstream, the rewrite of the lake, proof, and access exports."""
