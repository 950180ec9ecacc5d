"""The JavaScript that draws the charts: Vega, Vega-Lite and Vega-Embed as one script, from vl-convert's own copy."""

from __future__ import annotations

from functools import cache
from typing import Final

import vl_convert

from pipeline.errors import SunlakeError

VEGA_LITE: Final = "6.4"  # what Altair 6 writes

_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"


@cache
def chart_library() -> str:
    """The script; it defines `vegaEmbed`. Making it takes a second or two, and no network.

    Raises:
        SunlakeError: vl-convert can't make it, or it could not stand in a page.
    """
    try:
        script = vl_convert.javascript_bundle(_SNIPPET, vl_version=VEGA_LITE)
    except (RuntimeError, ValueError):
        raise SunlakeError(
            "the charts' JavaScript can't be bundled; reinstall vl-convert-python, or use --format markdown"
        ) from None
    if "</script" in script.lower() or "<!--" in script:
        raise SunlakeError("the charts' JavaScript can't stand in a page; use another release of vl-convert-python")
    return script
