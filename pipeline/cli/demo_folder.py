"""The demo's folder: settings, seeds, the lake and Prefect's files, and nothing anywhere else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from pipeline.config import Settings, load_settings
from pipeline.errors import StorageError, UsageError

MARK: Final = "# Written by `sunlake demo` for the world "
# Loopback needs no caution; the pace still grows or shrinks with what the sandbox answers.
START_RATE: Final = 500

_SETTINGS: Final = """\
{mark}{world}
# The sandbox ends with the demo: these settings serve `sunlake sql` and `sunlake status`, not another export.
lake = {lake}

[[apps]]
app_id = {app_id}
base_url = {base_url}
key_id_env = {key_id_env}
secret_env = {secret_env}
seeds = [{seeds}]
start_rate = {start_rate}

# What the report measures by.
[[warehouse.schedules]]
id = "office"
monday = ["09:00-18:00"]
tuesday = ["09:00-18:00"]
wednesday = ["09:00-18:00"]
thursday = ["09:00-18:00"]
friday = ["09:00-18:00"]

[[warehouse.sla]]
id = "first reply in 5 minutes"
metric = "frt"
scope = "human"
target = "5m"

[[warehouse.sla]]
id = "reply in 2 minutes"
metric = "reply"
scope = "any"
target = "2m"
"""
_PRIVACY: Final = """
# Without its key a lake from which people were erased takes nothing in.
[privacy]
key_file = {key_file}
deeds_key_file = {deeds_key_file}
prefect_home = {prefect_home}
"""


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """A folder that belongs to the demo of one world."""

    root: Path
    world: str

    KEY_ID: ClassVar[str] = "SUNLAKE_DEMO_KEY_ID"
    SECRET: ClassVar[str] = "SUNLAKE_DEMO_SECRET"  # noqa: S105 - the name of a variable

    @property
    def lake(self) -> Path:
        """The lake."""
        return self.root / "lake"

    @property
    def prefect(self) -> Path:
        """Where Prefect keeps its files."""
        return self.root / "prefect"

    @property
    def has_lake(self) -> bool:
        """Whether an earlier demo has begun a lake."""
        return self.lake.exists()

    @property
    def toml(self) -> Path:
        """The settings."""
        return self.root / "sunlake.toml"

    @property
    def seeds(self) -> Path:
        """Where the export starts from."""
        return self.root / "seeds.jsonl"

    @property
    def keys(self) -> Path:
        """The keys of erasure, once somebody is to be erased."""
        return self.root / "keys"

    @property
    def has_keys(self) -> bool:
        """Whether the keys of erasure were made."""
        return self.keys.exists()

    @property
    def requests(self) -> Path:
        """The request for erasure, until it was carried out."""
        return self.root / "requests.csv"

    @property
    def temporary(self) -> Path:
        """Temporary files of a demo that erases."""
        return self.root / "tmp"

    def write(self, *, app_id: str, base_url: str, seeds: Iterable[Mapping[str, str]]) -> None:
        """Write the settings and the seeds for a sandbox that runs now."""
        values = {
            "lake": str(self.lake.absolute()),
            "app_id": app_id,
            "base_url": base_url,
            "key_id_env": self.KEY_ID,
            "secret_env": self.SECRET,
            "seeds": str(self.seeds.absolute()),
            "key_file": str(self.keys.absolute() / "privacy.key"),
            "deeds_key_file": str(self.keys.absolute() / "deeds.key"),
            "prefect_home": str(self.prefect.absolute()),
        }
        # A TOML string is written like a JSON string.
        quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
        template = _SETTINGS + _PRIVACY if self.has_keys else _SETTINGS
        text = template.format(mark=MARK, world=self.world, start_rate=START_RATE, **quoted)
        try:
            self.toml.write_text(text, "utf-8")
            with self.seeds.open("w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(seed)}\n" for seed in seeds)
        except OSError as error:
            raise StorageError(f"{self.root} can't be written: {error.strerror}") from None

    def settings(self) -> Settings:
        """The demo's own settings, whatever the environment says about the user's."""
        return load_settings(self.toml, environ={})

    def owner(self) -> str | None:
        """The world whose demo has written into the folder; "" if it is somebody else's, None if it is empty."""
        if not self.root.exists() or not any(self.root.iterdir()):
            return None
        try:
            head = self.toml.read_text("utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError):
            return ""
        return head.removeprefix(MARK) if head.startswith(MARK) else ""

    def clear(self) -> None:
        """Remove what a demo has written, the settings last: they are what proves the folder to be ours."""
        for folder in (self.lake, self.prefect, self.keys, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.seeds, self.requests):
            file.unlink(missing_ok=True)


def open_folder(root: Path, *, world: str, fresh: bool) -> DemoFolder:
    """Take a folder for the demo of a world.

    Args:
        root: the folder, which need not exist.
        world: such as `chitchat:200`.
        fresh: remove what an earlier demo left there.

    Raises:
        UsageError: it is not the demo's, or holds the demo of another world.
        StorageError: it can't be created.
    """
    folder = DemoFolder(root, world)
    owner = folder.owner()
    if owner == "":
        raise UsageError(f"{root} was not made by `sunlake demo`; name another folder with --lake")
    if fresh:
        folder.clear()
    elif owner is not None and owner != world:
        raise UsageError(
            f"{root} holds the demo of {owner}, not of {world}; add --fresh to replace it, or name another with --lake"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{root} can't be created: {error.strerror}") from None
    return folder
