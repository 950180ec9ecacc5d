"""The `[warehouse]` settings: what a whole file means, the defaults, and what is said of wrong values."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import load_settings
from pipeline.errors import ConfigError
from pipeline.metrics_settings import METRIC_SCOPES, SlaTarget, WarehouseSettings, check_warehouse

MONDAY = 'monday = ["09:00-12:00"]\n'
SCHEDULE = '[[warehouse.schedules]]\nid = "s"\n' + MONDAY
SECOND = '[[warehouse.schedules]]\nid = "t"\n' + MONDAY
TARGET = '[[warehouse.sla]]\nid = "t"\nmetric = "frt"\nscope = "human"\ntarget = "15m"\n'
OTHER = TARGET.replace('"t"', '"u"')


def _load(folder: Path, text: str) -> WarehouseSettings:
    path = folder / "sunlake.toml"
    path.write_text(text, "utf-8")
    return load_settings(path, environ={}).warehouse


def test_the_defaults_are_complete() -> None:
    """Without a section, days are UTC's, a session ends after 24 hours, an answer may take 7 days."""
    settings = WarehouseSettings()
    check_warehouse(settings)
    assert (settings.timezone, settings.attribution) == ("UTC", "arrival")
    assert not settings.include_groups
    assert not settings.exclude_deleted
    assert settings.sessions.limits_ms == {None: (86_400_000, 604_800_000)}
    assert settings.all_source_classes == {"zd:agentWorkspace": "agent", "zd:answerBot": "bot", "ultimate": "bot"}
    assert settings.all_channel_families == dict.fromkeys(("web", "ios", "android", "unity"), "sdk")
    assert settings.agent_integration_types == ("zd:agentWorkspace",)
    assert (settings.schedules, settings.sla) == ((), ())


def test_a_whole_section(tmp_path: Path) -> None:
    """Every table of the section reaches its settings, in the warehouse's units."""
    settings = _load(
        tmp_path,
        '[warehouse]\ntimezone = "Europe/Paris"\nattribution = "reply"\ninclude_groups = true\n'
        "[warehouse.sessions]\ngap_hours = 12\n"
        "[warehouse.sessions.channels.whatsapp]\nlate_answer_days = 0.5\n"
        '[warehouse.source_classes]\n"zd:agentCopilot" = "agent"\nultimate = "unknown"\n'
        '[warehouse.channel_families]\nweb = "web"\nmessenger = "meta"\n'
        '[[warehouse.schedules]]\nid = "night"\nfriday = ["22:00-30:00", "8:00 - 9:30"]\nchannels = ["line", "sms"]\n'
        'holidays = ["2025-04-21", 2025-05-01, "2025-12-24 12:00-18:00"]\nvalid_from = 2025-07-01\n'
        + TARGET
        + 'channel = "line"\nclock = "business"\n',
    )
    assert (settings.timezone, settings.attribution, settings.include_groups) == ("Europe/Paris", "reply", True)
    assert settings.sessions.limits_ms == {None: (43_200_000, 604_800_000), "whatsapp": (43_200_000, 43_200_000)}
    assert settings.all_source_classes == {
        "zd:agentWorkspace": "agent",
        "zd:answerBot": "bot",
        "zd:agentCopilot": "agent",
    }
    assert settings.all_channel_families == {"messenger": "meta"} | dict.fromkeys(("ios", "android", "unity"), "sdk")
    (schedule,) = settings.schedules
    assert schedule.week == ((), (), (), (), ((1320, 1800), (480, 570)), (), ())
    assert [(f"{day}", part) for day, part in schedule.closures] == [
        ("2025-04-21", (0, 1440)),
        ("2025-05-01", (0, 1440)),
        ("2025-12-24", (720, 1080)),
    ]
    # The first of July begins at 22:00 UTC in Paris.
    assert schedule.validity_ms(settings.timezone) == (1_751_320_800_000, None)
    assert settings.sla[0].target_ms == 900_000


def test_versions_of_a_target_follow_each_other() -> None:
    """A version holds until the next begins, whatever their order in the file, or until its own end."""

    def version(valid_from: str | None, valid_to: str | None = None) -> SlaTarget:
        return SlaTarget(
            id="t", metric="frt", scope="any", target=60, valid_from=valid_from, valid_to=valid_to, channel=None
        )

    settings = WarehouseSettings(
        sla=(version("2025-03-01T06:00:00+02:00", "2025-04-01"), version(None), version("2025-02-01"))
    )
    check_warehouse(settings)
    february, march, april = 1_738_368_000_000, 1_740_801_600_000, 1_743_465_600_000
    assert settings.sla_validity_ms == ((march, april), (0, february), (february, march))


@pytest.mark.parametrize(
    ("target", "seconds"),
    [("15m", 900), ("8h", 28_800), ("1d12h", 129_600), ("90s", 90), ("1h0m30s", 3630), (45, 45), ("366d", 31_622_400)],
)
def test_durations(target: str | int, seconds: int) -> None:
    """Durations are days, hours, minutes and seconds in this order, or a number of seconds."""
    assert SlaTarget(id="t", metric="frt", scope="any", target=target).target_ms == seconds * 1000


def test_every_metric_can_be_promised_of_its_scopes() -> None:
    """Each combination of metric and scope that is computed can have a target, and no other."""
    for metric, scopes in METRIC_SCOPES.items():
        for scope in ("any", "human", "agent", "bot"):
            settings = WarehouseSettings(sla=(SlaTarget(id="t", metric=metric, scope=scope, target=1),))
            if scope in scopes:
                check_warehouse(settings)
            else:
                with pytest.raises(ConfigError, match=rf"^warehouse.sla\[0\].scope: .* of {metric}; write "):
                    check_warehouse(settings)


@pytest.mark.parametrize(
    "text",
    [
        # A name that is set, and all others.
        SCHEDULE + SECOND + 'channels = ["line"]\n',
        # One after the other, each by the midnight of its own clock.
        SCHEDULE + "valid_to = 2025-06-01\n" + SECOND + "valid_from = 2025-06-01\n",
        SCHEDULE + 'channels = ["a", "b"]\n' + SECOND + 'channels = ["c"]\n',
        SCHEDULE + TARGET + 'clock = "business"\nchannel = "line"\n',
        TARGET + OTHER + 'channel = "line"\n',
        SCHEDULE + TARGET + OTHER + 'clock = "business"\n',
        TARGET + "valid_to = 2025-01-01\n" + OTHER + "valid_from = 2025-01-01\n",
    ],
)
def test_settings_that_share_without_conflict(tmp_path: Path, text: str) -> None:
    """Schedules and targets may stand beside each other where it is clear which one holds."""
    _load(tmp_path, text)


WRONG = [
    (
        "[warehouse]\ntimezone = 'Mars/Base'",
        "warehouse.timezone: 'Mars/Base' is no IANA time zone such as Europe/Paris",
    ),
    ("[warehouse]\ntimezone = 'Europe'", "warehouse.timezone: 'Europe' is no IANA time zone"),
    ("[warehouse]\ntimezone = ''", "warehouse.timezone: '' is no IANA time zone"),
    ("[warehouse]\nattribution = 'x'", "warehouse.attribution: 'x' is none of the choices; write 'arrival' or 'reply'"),
    ("[warehouse]\ninclude_groups = 1", "$.warehouse.include_groups"),
    ("[warehouse]\nzone = 'UTC'", "unknown field `zone` - at `$.warehouse`"),
    ("[warehouse]\nagent_integration_types = ['a', '']", "warehouse.agent_integration_types[1]: a name is empty"),
    ("[warehouse]\nagent_integration_types = ['a', 'a']", "warehouse.agent_integration_types[1]: 'a' is there twice"),
    ("[warehouse.sessions]\ngap = 1", "unknown field `gap` - at `$.warehouse.sessions`"),
    ("[warehouse.sessions]\ngap_hours = -1", "warehouse.sessions.gap_hours: must be above 0"),
    ("[warehouse.sessions]\ngap_hours = nan", "warehouse.sessions.gap_hours: must be above 0"),
    ("[warehouse.sessions]\ngap_hours = 1e-9", "warehouse.sessions.gap_hours: is less than a millisecond"),
    ("[warehouse.sessions]\nlate_answer_days = inf", "warehouse.sessions.late_answer_days: must be above 0"),
    ("[warehouse.sessions]\nlate_answer_days = 0.5", "warehouse.sessions.late_answer_days: a question must not be"),
    ("[warehouse.sessions.channels.a]\ngap_hours = 0", "warehouse.sessions.channels.a.gap_hours: must be above 0"),
    ("[warehouse.sessions.channels.a]\ngap_hours = 200", "warehouse.sessions.channels.a.late_answer_days: a question"),
    ("[warehouse.sessions.channels.' ']\ngap_hours = 2", "warehouse.sessions.channels[0]: a name is empty"),
    ("[warehouse.source_classes]\n'zd:x' = 'robot'", "warehouse.source_classes.'zd:x': 'robot' is none of the choices"),
    ("[warehouse.source_classes]\n'' = 'bot'", "warehouse.source_classes[0]: a name is empty"),
    ("[warehouse.channel_families]\nweb = ''", "warehouse.channel_families.'web': a name is empty"),
    ("[warehouse.channel_families]\n'' = 'x'", "warehouse.channel_families[0]: a name is empty"),
    ("[[warehouse.schedules]]\n" + MONDAY, "missing required field `id` - at `$.warehouse.schedules[0]`"),
    (SCHEDULE.replace('"s"', '""'), "warehouse.schedules[0].id: a name is empty"),
    (SCHEDULE + "timezone = 'x'", "warehouse.schedules[0].timezone: 'x' is no IANA time zone"),
    (SCHEDULE + "mon = []", "unknown field `mon` - at `$.warehouse.schedules[0]`"),
    (
        "[[warehouse.schedules]]\nid = 's'",
        "warehouse.schedules[0]: is never open; give a weekday hours, such as monday",
    ),
    (SCHEDULE + "holidays = ['25-01-01']", "warehouse.schedules[0].holidays[0]: '25-01-01' is no date"),
    (SCHEDULE + "holidays = ['2025-02-30']", "holidays[0]: '2025-02-30' is no date such as"),
    (SCHEDULE + "holidays = ['2025-01-01 8-9']", "holidays[0]: '8-9' is no interval such as \"09:00-12:30\""),
    (SCHEDULE + "holidays = ['2025-01-01 8-9']", 'a holiday is written "2025-04-21" or "2025-12-24 12:00-18:00"'),
    (SCHEDULE + "holidays = ['2025-01-01', 2025-01-01]", "schedules[0].holidays[1]: '2025-01-01' is there twice"),
    (SCHEDULE + "channels = []", "warehouse.schedules[0].channels: is empty"),
    (SCHEDULE + "channels = ['']", "warehouse.schedules[0].channels[0]: a name is empty"),
    (SCHEDULE + "channels = ['a', 'a']", "warehouse.schedules[0].channels[1]: 'a' is there twice"),
    (SCHEDULE + "valid_from = '20250101'", "warehouse.schedules[0].valid_from: '20250101' is no date"),
    (
        SCHEDULE + "valid_to = 2025-01-01T00:00:00Z",
        "warehouse.schedules[0].valid_to: '2025-01-01T00:00:00Z' is no date",
    ),
    (
        SCHEDULE + "valid_from = 2025-01-01\nvalid_to = 2025-01-01",
        "warehouse.schedules[0].valid_to: must be after valid_from",
    ),
    (SCHEDULE + SCHEDULE, "warehouse.schedules[1].id: 's' is there twice; hours that change on a day are two"),
    (SCHEDULE + SECOND, "schedules[1]: holds for all channels that no schedule names at the same time as schedules[0]"),
    (
        SCHEDULE + "channels = ['a', 'b']\n" + SECOND + "channels = ['c', 'b']",
        "warehouse.schedules[1]: holds for channel 'b' at the same time as schedules[0]; give schedules[0] a valid_to",
    ),
    (
        SCHEDULE + "valid_from = 2025-06-01\n" + SECOND + "valid_to = 2025-06-02",
        "warehouse.schedules[0]: holds for all channels that no schedule names at the same time as schedules[1]",
    ),
    # Midnight of June comes earlier in Tokyo, so for nine hours both hold.
    (
        SCHEDULE + "valid_to = 2025-06-01\n" + SECOND + "timezone = 'Asia/Tokyo'\nvalid_from = 2025-06-01",
        "warehouse.schedules[1]: holds for all channels that no schedule names at the same time as schedules[0]",
    ),
    (TARGET + "days = 1", "unknown field `days` - at `$.warehouse.sla[0]`"),
    (
        TARGET.replace("frt", "csat"),
        "warehouse.sla[0].metric: 'csat' is none of the choices; write 'frt' or 'reply' or",
    ),
    (TARGET.replace("human", "agent"), "warehouse.sla[0].scope: 'agent' is none of the choices of frt; write 'any' or"),
    (TARGET + "clock = 'x'", "warehouse.sla[0].clock: 'x' is none of the choices; write 'calendar' or 'business'"),
    (TARGET + "clock = 'business'", "warehouse.sla[0].clock: no schedule says when business is open; add one"),
    (
        SCHEDULE + "channels = ['a']\n" + TARGET + "clock = 'business'\nchannel = 'b'",
        "warehouse.sla[0].clock: no schedule says when business is open on b; add one",
    ),
    (TARGET + "channel = ''", "warehouse.sla[0].channel: a name is empty"),
    (TARGET.replace('"t"', '""'), "warehouse.sla[0].id: a name is empty"),
    (TARGET.replace('"15m"', "-5"), "warehouse.sla[0].target: -5 must be above 0"),
    (TARGET.replace('"15m"', "0"), "warehouse.sla[0].target: 0 must be above 0"),
    (TARGET.replace('"15m"', '"367d"'), "warehouse.sla[0].target: '367d' must be above 0 and at most 366 days"),
    (TARGET.replace('"15m"', '"-15m"'), "warehouse.sla[0].target: '-15m' is no duration such as \"15m\""),
    (TARGET.replace('"15m"', '"15"'), "warehouse.sla[0].target: '15' is no duration"),
    (TARGET.replace('"15m"', '""'), "warehouse.sla[0].target: '' is no duration"),
    (TARGET.replace('"15m"', "1.5"), "$.warehouse.sla[0].target"),
    (TARGET + "valid_from = 2025-01-01T08:00:00", "sla[0].valid_from: '2025-01-01T08:00:00' is no moment such as"),
    (TARGET + "valid_to = 'soon'", "warehouse.sla[0].valid_to: 'soon' is no moment such as \"2025-04-21\""),
    (TARGET + "valid_from = 2025-01-01\nvalid_to = 2024-01-01", "warehouse.sla[0].valid_to: must be after valid_from"),
    (TARGET + TARGET, "warehouse.sla[1].id: 't' is there twice from the same moment; choose another id, or say with"),
    (
        TARGET + TARGET.replace("human", "bot") + "valid_from = 2025-01-01",
        "warehouse.sla[1].id: 't' was another metric, scope or channel before; choose another id, such as 't-2'",
    ),
    (
        SCHEDULE + TARGET + "valid_to = 2025-02-01\n" + TARGET + "clock = 'business'\nvalid_from = 2025-01-01",
        "warehouse.sla[1]: holds for target 't' at the same time as sla[0]; give sla[0] a valid_to",
    ),
    (
        TARGET + OTHER + "valid_from = 2025-01-01",
        "warehouse.sla[1]: holds for frt of human on all channels without a target of their own by the calendar clock",
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_value_is_named_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    """The message holds the file and the key, and shows what a right value looks like."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'sunlake.toml'}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ("9-12", "'9-12' is no interval such as \"09:00-12:30\""),
        ("09:00-12:60", "is no interval"),
        ("0\u0669:00-12:00", "is no interval"),
        ("", "is no interval"),
        ("12:00-12:00", "does not end after it begins; past midnight go on counting"),
        ("22:00-06:00", 'does not end after it begins; past midnight go on counting, as in "22:00-30:00"'),
        ("24:00-25:00", "begins at 24:00 or later; write it under the next day"),
        ("20:00-48:01", "ends after 48:00; write the rest"),
    ],
)
def test_a_wrong_interval_is_named_by_its_place(tmp_path: Path, hours: str, said: str) -> None:
    """Each interval of a weekday is told by its number, and how it is written right."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, SCHEDULE + f'tuesday = ["00:00-24:00", "{hours}"]')
    assert f"warehouse.schedules[0].tuesday[1]: {hours!r} " in str(caught.value)
    assert said in str(caught.value)
