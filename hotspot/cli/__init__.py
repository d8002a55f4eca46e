"""The command line: ``hotspot demo``, ``ingest``, ``forecast``, ...; ``hotspot --help`` tells."""

from hotspot.cli.app import app, main

__all__ = ["app", "main"]
