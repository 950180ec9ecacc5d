"""The flows' tests must not write into the home of whoever runs them."""

from tests import prefect_home as prefect_home  # noqa: PLC0414 - imported for what it does
