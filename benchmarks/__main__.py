"""``python -m benchmarks [--engine sqlite] [--workload drain] [--jobs 60000] [--repeat 3]``: medians, with the spread."""

from __future__ import annotations

import argparse
import os
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.databases import ENGINES
from benchmarks.measuring import measure_apart

NAMES = ("drain", "enqueue", "latency")


def main() -> None:
    """Measure what the command line asks for and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: both")
    parser.add_argument("--workload", choices=NAMES, action="append", help="default: all")
    parser.add_argument("--jobs", type=int, default=60_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    table = Table(title=f"{options.jobs:,} no-op jobs, 2 child processes, {os.cpu_count()} cores, median of {options.repeat}")
    for column in ("engine", "figure", "median", "lowest", "highest"):
        table.add_column(column, justify="left" if column in ("engine", "figure") else "right")
    for engine in options.engine or ENGINES:
        for workload in options.workload or NAMES:
            runs = [measure_apart(engine, workload, options.jobs) for _ in range(options.repeat)]
            for figure in runs[0]:
                values = [run[figure] for run in runs]
                table.add_row(engine, figure, *(f"{value:,.1f}" for value in (median(values), min(values), max(values))))
    Console().print(table)


if __name__ == "__main__":
    main()
