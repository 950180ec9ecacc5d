"""Prefect flows over the functions of pipeline. Prefect reads its variables when it is imported, so they are set here."""

from flows.environment import prefect_environment

prefect_environment()
