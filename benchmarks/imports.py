"""What starting costs: `import hotspot` and `hotspot --help` against what it is built on.

    python benchmarks/imports.py

Each is a fresh interpreter, timed from outside, less the median of an empty one; they take turns,
so that a busy machine slows all of them alike. Ends with an error if a ratio exceeds 0.3.
"""

import statistics
import subprocess
import sys
import time

LIMIT = 0.3
ROUNDS = 9
HELP = "import sys; sys.argv = ['hotspot', '--help']; from hotspot.cli import main; main()"
COMMANDS = {
    "an empty interpreter": "pass",
    "import geopandas, xarray, numba": "import geopandas, xarray, numba",
    "import hotspot": "import hotspot",
    "hotspot --help": HELP,
}


def seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs `code`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the medians and the ratios; exit with 1 if one is over the limit."""
    for code in COMMANDS.values():
        seconds(code)  # once for the file cache
    taken = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, code in COMMANDS.items():
            taken[name].append(seconds(code))
    median = {name: statistics.median(times) for name, times in taken.items()}
    empty = median["an empty interpreter"]
    peers = median["import geopandas, xarray, numba"]
    print(f"{'':34}{'median':>9}{'less empty':>12}{'ratio':>8}{'ratio less empty':>18}")
    over = False
    for name, took in median.items():
        ratio, net = took / peers, (took - empty) / (peers - empty)
        over |= name.startswith(("import hotspot", "hotspot")) and max(ratio, net) > LIMIT
        print(f"{name:34}{took:8.3f}s{took - empty:11.3f}s{ratio:8.3f}{net:18.3f}")
    sys.exit(f"A ratio is over {LIMIT}." if over else 0)


if __name__ == "__main__":
    main()
