"""`sunlake init`: a settings file to fill in. It never asks and never holds a secret."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.errors import StorageError, UsageError

TEMPLATE = """\
# Settings of sunlake. The environment wins over this file: SUNLAKE_LAKE, SUNLAKE_LEDGER_URL, and for a single app
# SUNLAKE_APP_ID, SUNLAKE_BASE_URL, SUNLAKE_AUTH, SUNLAKE_KEY_ID, SUNLAKE_SECRET. Lines that begin with `# ` and a
# setting show its default.

# Where the Parquet files go: a folder.
lake = "lake"

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

# What `sunlake serve` starts and when: "export" asks for what is new, "sweep" reads everything again to find edits and
# deletions, "compact" merges small files, "nightly" exports and compacts. One block each.
# [[schedules]]
# flow = "nightly"
# cron = "0 3 * * *"
# timezone = "Europe/Paris"
"""


@click.command("init")
@click.option("--app-id", default="", metavar="ID", help="The app's id.")
@click.option("--base-url", default="", metavar="URL", help="The API's base URL.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@pass_frame
def command(frame: Frame, *, app_id: str, base_url: str, force: bool) -> None:
    r"""Write a commented sunlake.toml.

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
