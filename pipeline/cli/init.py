"""`sunlake init`: a settings file to fill in. It never asks and never holds a secret."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.errors import StorageError, UsageError

TEMPLATE = """\
# Settings of sunlake. The environment wins over this file: SUNLAKE_LAKE, SUNLAKE_LEDGER_URL, and for a single app
# SUNLAKE_APP_ID, SUNLAKE_BASE_URL, SUNLAKE_AUTH, SUNLAKE_KEY_ID, SUNLAKE_SECRET. Lines that begin with `# ` and a
# setting show its default. Paths are relative to this file's folder.

# Where the Parquet files go: a folder, or s3://bucket/prefix.
lake = "lake"
# What a lake in a bucket keeps on this machine: its SQLite ledger, the warehouse, files on their way, and what erasure
# has to keep (requests, deeds; back them up). SUNLAKE_STATE names another folder.
# state = "~/.local/state/sunlake"

# Where progress is kept: by default SQLite inside the lake. Use PostgreSQL where several machines work on one lake.
# ledger_url = "postgresql+psycopg://user@host/sunlake"

# One block per app. Its id stands in Admin Center > Apps and integrations > Conversations API.
[[apps]]
app_id = "{app_id}" # such as 5d8cff3cd55b040010928b5b
# https://<subdomain>.zendesk.com/sc, https://api.smooch.io or https://api.eu-1.smooch.io
base_url = "{base_url}"
# The names of the environment variables that hold the key; the key itself never stands in this file.
key_id_env = "SUNLAKE_KEY_ID"
secret_env = "SUNLAKE_SECRET"
# "basic", or "jwt" for short-lived tokens that are signed with the secret.
# auth = "basic"
# What the key may do: "app", "account" or "integration".
# scope = "app"
# Where the walk starts: files (.csv, .jsonl, .parquet) or queries for DuckDB, with one of the columns user_id,
# external_id, email, conversation_id. Everyone who is found on the way is walked, too.
# seeds = ["users.csv", "duckdb:select id as external_id from 'crm.parquet'"]
# Calls per second to begin with, and at most; without max_rate, the server's answers set the pace.
# start_rate = 10.0
# max_rate = 50.0
# Calls in flight at once, at most.
# max_concurrency = 64

# Rows are committed when the first of these bounds is reached; they bound what a kill costs.
[commit]
# seconds = 10.0
# rows = 500000
# pages = 10000

# How long to wait for bytes, and for a call with all its retries.
[calls]
# read_seconds = 60.0
# total_seconds = 900.0

# How to reach the bucket, if the lake lies in one. Without keys, AWS's usual places are looked into.
# [storage]
# endpoint = "https://s3.example.com" # any store that speaks S3; without it, Amazon's
# region = "eu-central-1"
# path_style = true # the bucket in the path, not in the host name; by default where an endpoint is given
# access_key_id_env = "SUNLAKE_S3_KEY_ID"
# secret_access_key_env = "SUNLAKE_S3_SECRET"
# session_token_env = "SUNLAKE_S3_TOKEN"
# lease_seconds = 60.0 # so long a writer that went silent keeps other machines out, if the ledger is on PostgreSQL

# What `sunlake serve` starts and when: "export" asks for what is new, "sweep" reads everything again to find edits and
# deletions, "compact" merges small files, "nightly" exports and compacts, "build" computes the metrics, "erase"
# goes on with confirmed erasures that wait for something, and deletes copies whose time is up. One block each.
# [[schedules]]
# flow = "nightly"
# cron = "0 3 * * *"
# timezone = "Europe/Paris"

# What the metrics of `sunlake build` leave to you.
[warehouse]
# Whose midnight ends a day, and whose clock the hours of charts are read on.
# timezone = "UTC"
# Measure sessions and replies in group conversations, too, where a message may be meant for another user.
# include_groups = false
# Leave deleted messages out of sessions and replies. By default they count, for they were sent.
# exclude_deleted = false
# The day on which a reply counts: that of the question's "arrival", or of the "reply".
# attribution = "arrival"
# Types of the switchboard integrations behind which people work, not bots.
# agent_integration_types = ["zd:agentWorkspace"]

# A conversation never ends, a session does: after so many hours of silence, unless a user waits for an answer, who is
# given so many days.
[warehouse.sessions]
# gap_hours = 24.0
# late_answer_days = 7.0

# Another limit for one channel, named as in source.type; what is not set stays as above.
# [warehouse.sessions.channels.whatsapp]
# gap_hours = 72.0
# late_answer_days = 14.0

# Who speaks in old messages, which do not say it themselves: "agent", "bot" or "unknown", by their source.type.
# zd:agentWorkspace is an agent, zd:answerBot and ultimate are bots; add to them, or change them.
# [warehouse.source_classes]
# "zd:agentCopilot" = "agent"

# Channels that are one to you, so that going from one to the other is no switch. web, ios, android and unity are sdk.
# [warehouse.channel_families]
# "instagram" = "meta"
# "messenger" = "meta"

# When somebody is there to answer. A question is measured to its end by the schedule that is valid when it arrives.
# Local clock times; 30:00 is 06:00 of the next day. One block per schedule; two must not hold for a channel at once.
# [[warehouse.schedules]]
# id = "support-2026"
# timezone = "Europe/Paris" # without it, that of [warehouse]
# channels = ["whatsapp", "web"] # without it, all that no other schedule names
# valid_from = 2026-01-01 # the first day
# valid_to = 2027-01-01 # the first day no more
# monday = ["09:00-12:30", "13:30-18:00"]
# tuesday = ["09:00-12:30", "13:30-18:00"]
# wednesday = ["09:00-12:30", "13:30-18:00"]
# thursday = ["09:00-12:30", "13:30-18:00"]
# friday = ["09:00-12:30", "22:00-30:00"]
# saturday = []
# sunday = []
# holidays = ["2026-04-06", "2026-12-24 12:00-30:00"] # whole days, or parts of them

# What you promise. metric and scope: "frt" (the first reply) of "any", "human" or "bot"; "reply" and "next_reply" of
# "any", "agent" or "bot"; "human_wait" and "human_handoff" of "human". target is such as "90s", "15m", "8h", "1d12h";
# on the "business" clock, a day of it is 24 open hours. A target that changes is a second block with the same id and a
# later valid_from (UTC): what arrived before keeps the promise of its time.
# [[warehouse.sla]]
# id = "first-reply"
# metric = "frt"
# scope = "human"
# clock = "business" # or "calendar", the default
# channel = "whatsapp" # without it, all that have no target of their own
# target = "2h"
# valid_from = 2026-01-01 # or a moment, such as 2026-01-01T08:00:00Z
# valid_to = 2027-01-01 # the first moment no more

# Erasure and access (GDPR). Make the keys with `sunlake erase keys --out FOLDER`.
[privacy]
# The environment variable that holds the privacy key, as `keyid:base64`; or the file that does, of mode 0600, which
# the variable with _FILE behind its name may name, too. Once somebody was erased, nothing is exported without this key.
# key_env = "SUNLAKE_PRIVACY_KEY"
# key_file = "/etc/sunlake/privacy.key"
# The same for the key that signs the ledger of deeds; keep it where the lake and the other key are not.
# deeds_key_env = "SUNLAKE_DEEDS_KEY"
# deeds_key_file = "/run/secrets/deeds.key"
# For reports: who answers for the processing, and who was given copies and has to be told (Art. 19).
# controller = "Acme GmbH, privacy@acme.example"
# recipients = ["Snowflake, by the nightly copy of the marts"]
# Messages of others that quote the person: "report" them, or "delete_quoting_message" at Sunshine Conversations.
# quotes = "report"
# Mentions in messages of others: "report" them, or "redact" them in the lake.
# mentions = "report"
# Conversations with the person alone go "whole", or only what they "authored".
# scope = "whole"
# The most rows of a batch, and the most people: this number or this share of an app's users, whichever is more.
# max_requests = 10000
# max_subjects = 100
# max_subjects_share = 0.05
# Whether a second person has to approve a plan (`sunlake erase approve`) before it is carried out.
# second_approver = false
# How long a plan may be carried out, and how long a copy that was written for somebody is kept.
# plan_hours = 24.0
# access_days = 7.0
# Further folders that the scan looks through, such as those where copies of the lake are; they must be there.
# scan_roots = ["/srv/copies"]
# Prefect's folder, if it is not the usual one.
# prefect_home = "/var/lib/prefect"

# What becomes of rows whose object is no longer at Sunshine Conversations: "erased" at the next `sunlake erase expire`,
# "tombstoned", or "kept", also where upstream's own retention removed it.
[privacy.retention]
# users = "erased"
# conversations = "erased"
# messages = "kept"
"""


@click.command("init")
@click.option("--app-id", default="", metavar="ID", help="The app's id.")
@click.option("--base-url", default="", metavar="URL", help="The API's base URL.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@pass_frame
def command(frame: Frame, *, app_id: str, base_url: str, force: bool) -> None:
    """Write a commented sunlake.toml.

    \b
    Examples:
      sunlake init
      sunlake init --app-id 5d8cff3cd55b040010928b5b --base-url https://acme.zendesk.com/sc
      sunlake --config prod.toml init
    """
    from pipeline.config import CONFIG_NAME, check_base_url

    if base_url:
        check_base_url(base_url, at="--base-url")
    if app_id and not (app_id.isascii() and app_id.isalnum()):
        raise UsageError("--app-id must be letters and digits, such as 5d8cff3cd55b040010928b5b")
    path = frame.config or Path(CONFIG_NAME)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(TEMPLATE.replace("{app_id}", app_id).replace("{base_url}", base_url))
    except FileExistsError:
        raise UsageError(f"{path} is there already; overwrite it with --force") from None
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror}") from None
    click.echo(f"{path} is written. Next:")
    if not (app_id and base_url):
        click.echo(f"  fill in app_id and base_url in {path}")
    click.echo("  export SUNLAKE_KEY_ID=... SUNLAKE_SECRET=...")
    click.echo("  sunlake doctor")
