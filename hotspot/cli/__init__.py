"""The command line: ``hotspot demo | ingest | forecast | backtest``."""

from hotspot.cli.app import app, main

__all__ = ["app", "main"]
