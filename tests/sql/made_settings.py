"""Makes up the `[warehouse]` part of settings: zones, gaps, schedules and targets in all combinations."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

WEEK: Final = {day: ["09:00-18:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
SCHEDULES: Final = (
    {"id": "office", "timezone": "Europe/Paris", **WEEK, "holidays": ["2025-04-21", "2025-04-02 12:00-13:00"]},
    {"id": "night", "saturday": ["22:00-30:00"], "sunday": ["01:30-02:30", "02:00-03:00"], "channels": ["whatsapp"]},
    {"id": "shop", "timezone": "America/New_York", **WEEK, "channels": ["ios", "messenger"], "valid_to": "2025-04-02"},
)
SLA: Final = (
    {"id": "frt", "metric": "frt", "scope": "any", "target": "10m"},
    {"id": "frt", "metric": "frt", "scope": "any", "target": "1h", "valid_from": "2025-04-01"},
    {"id": "frt-human", "metric": "frt", "scope": "human", "target": "1d"},
    {"id": "frt-business", "metric": "frt", "scope": "any", "target": "5h", "clock": "business"},
    {"id": "reply", "metric": "reply", "scope": "any", "target": "60s"},
    {
        "id": "web",
        "metric": "reply",
        "scope": "any",
        "target": "10m",
        "channel": "web",
        "valid_from": "2025-03-30",
    },
    {"id": "next", "metric": "next_reply", "scope": "agent", "target": "20h", "clock": "business"},
    {"id": "frt-bot", "metric": "frt", "scope": "bot", "target": "60s"},
    {"id": "bot", "metric": "reply", "scope": "bot", "target": "7s", "valid_from": "2025-03-28"},
    {"id": "agent", "metric": "reply", "scope": "agent", "target": "1h", "clock": "business"},
    {
        "id": "agent-web",
        "metric": "reply",
        "scope": "agent",
        "target": "5h",
        "clock": "business",
        "channel": "web",
        "valid_from": "2025-03-29",
        "valid_to": "2025-04-03",
    },
    {"id": "next-any", "metric": "next_reply", "scope": "any", "target": "20h"},
    {"id": "wait", "metric": "human_wait", "scope": "human", "target": "2d"},
    {"id": "handoff", "metric": "human_handoff", "scope": "human", "target": "1h"},
)


@st.composite
def written_settings(draw: st.DrawFn, *, with_schedules: bool = False) -> dict[str, Any]:
    """The `[warehouse]` part of settings, with schedules always or sometimes."""
    zones = ("UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")
    found: dict[str, Any] = {
        "timezone": draw(st.sampled_from(zones)),
        "include_groups": draw(st.booleans()),
        "exclude_deleted": draw(st.booleans()),
        "attribution": draw(st.sampled_from(("arrival", "reply"))),
    }
    if draw(st.booleans()):
        channels = {"whatsapp": {"gap_hours": 1, "late_answer_days": 2}, "line": {"gap_hours": 20}}
        found["sessions"] = {"gap_hours": 24, "channels": channels}
    if with_schedules or draw(st.booleans()):
        found["schedules"] = list(SCHEDULES)
    known = [target for target in SLA if "schedules" in found or target.get("clock") != "business"]
    found["sla"] = [target for target in known if draw(st.booleans())]
    return found
