"""Open the pages of a card in headless Chromium: console, network, accessibility, width, print.

    npm install axe-core            (outside the repository)
    python scripts/check_pages.py results/card --axe .../node_modules/axe-core/axe.min.js \\
        --out pictures

Prints one row a page and width: messages on the console, things that were fetched, violations that
axe-core found, rules that passed, and pixels by which the page is wider than its window. Leaves
pictures at 390 and 1280 pixels and a PDF to be looked at. Exits with 1 if anything is wrong.

Chromium is told that no host exists, so whatever a page would fetch fails and is counted. axe-core
is put into a copy of the page (with its content security policy taken out, which forbids scripts).
Chromium's own window is 500 pixels wide or more, so each page is shown in a frame of the width that
is meant, which its layout takes for the window.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTHS = (390, 1280)
LONG = 14_000  # pixels: the longest page is shot whole
PROBE = """
<script>
addEventListener("load", () => axe.run(document).then((found) => {
  const told = {
    violations: found.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]),
    unsure: found.incomplete.map((one) => one.id),
    passes: found.passes.length,
    width: document.documentElement.clientWidth,
    over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    height: document.documentElement.scrollHeight,
    fetched: performance.getEntriesByType("resource").map((one) => one.name),
  };
  parent.postMessage(JSON.stringify(told), "*");
}));
</script>
"""
FRAME = """<!doctype html>
<body style="margin: 0; background: #ccc">
<iframe src="{page}" style="border: 0; width: {width}px; height: {height}px"></iframe>
<script>
addEventListener("message", (said) => {{
  const held = document.createElement("pre");
  held.id = "told";
  held.textContent = said.data;
  document.body.append(held);
}});
</script>
"""


def chromium(page: Path, *flags: str, width: int, height: int) -> subprocess.CompletedProcess:
    """One headless run on a page, in a profile of its own, with no network."""
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={profile}", f"--window-size={width},{height}", *flags,
                page.resolve().as_uri(),
            ],
            capture_output=True, text=True, timeout=180, check=True,
        )  # fmt: skip


def framed(page: Path, *flags: str, width: int, height: int) -> subprocess.CompletedProcess:
    """The same with the page in a frame of just that width."""
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.html"
        shown = FRAME.format(page=page.resolve().as_uri(), width=width, height=height)
        frame.write_text(shown, encoding="utf-8")
        return chromium(frame, *flags, width=width, height=height)


def probed(page: Path, axe: str, *, width: int) -> dict:
    """What axe-core and the browser say of a copy of the page."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    text = text.replace("</head>", f"<script>{axe}</script>{PROBE}</head>")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / page.name
        copy.write_text(text, encoding="utf-8")
        ran = framed(copy, "--virtual-time-budget=60000", "--dump-dom", width=width, height=900)
    found = re.search(r'<pre id="told">(.*?)</pre>', ran.stdout, re.DOTALL)
    if found is None:
        raise RuntimeError(f"axe-core did not run on {page.name}: {ran.stderr[-500:]}")
    return json.loads(html.unescape(found[1]))


def main() -> int:
    """Check every page of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--axe", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    axe = given.axe.read_text(encoding="utf-8")
    given.out.mkdir(parents=True, exist_ok=True)
    print(f"{re.search(r'axe v[0-9.]+', axe)[0]}; pages of {given.folder.name}")
    print(f"{'page':<18}{'window':>7}{'console':>9}{'fetched':>9}{'violations':>12}"
          f"{'passes':>8}{'unsure':>8}{'too wide':>10}")  # fmt: skip
    wrong = 0
    for page in sorted(given.folder.glob("*.html")):
        for width in WIDTHS:
            told = probed(page, axe, width=width)
            picture = (given.out / f"{page.stem}.{width}.png").resolve()
            height = min(told["height"] + 20, LONG)
            shot = framed(page, f"--screenshot={picture}", width=width, height=height)
            console = [line for line in shot.stderr.splitlines() if "CONSOLE" in line]
            fetched = [one for one in told["fetched"] if not one.startswith("data:")]
            row = len(console), len(fetched), len(told["violations"])
            wrong += sum(row) + (told["over"] > 0)
            print(f"{page.stem:<18}{told['width']:>7}{row[0]:>9}{row[1]:>9}{row[2]:>12}"
                  f"{told['passes']:>8}{len(told['unsure']):>8}{told['over']:>10}")  # fmt: skip
            for line in [*console, *fetched, *map(str, told["violations"])]:
                print("   ", line[:300])
        chromium(
            page, f"--print-to-pdf={(given.out / page.stem).resolve()}.pdf", width=1280, height=900
        )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
