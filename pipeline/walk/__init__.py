"""Deciding what to fetch next: seeds, roster, ledger, crawl."""
