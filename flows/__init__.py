"""Prefect flows over the functions of pipeline."""
