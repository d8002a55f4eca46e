"""``python -m hotspot`` is ``hotspot``."""

from hotspot.cli import main

main()
