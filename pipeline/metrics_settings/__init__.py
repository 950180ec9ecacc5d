"""The `[warehouse]` part of the settings: what metrics mean for one business. Structs, notation, checks."""

from pipeline.metrics_settings.checks import METRIC_SCOPES, check_warehouse
from pipeline.metrics_settings.settings import (
    BusinessSchedule,
    ChannelSessionSettings,
    SessionSettings,
    SlaTarget,
    WarehouseSettings,
)

__all__ = [
    "METRIC_SCOPES",
    "BusinessSchedule",
    "ChannelSessionSettings",
    "SessionSettings",
    "SlaTarget",
    "WarehouseSettings",
    "check_warehouse",
]
