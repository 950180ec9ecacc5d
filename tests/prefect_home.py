"""Gives Prefect a home of its own before a test imports it: importing this sets it, the end of the tests removes it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

HOME = tempfile.mkdtemp(prefix="sunlake-prefect-")
os.environ["PREFECT_HOME"] = HOME
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
