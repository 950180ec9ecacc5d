"""Prefect flows over the functions of pipeline. Prefect reads its variables on import, so they are set before that."""

from flows.environment import prefect_environment

prefect_environment()
