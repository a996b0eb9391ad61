"""The demo: start a mail server, the site and a worker, pay the site one visit, and show what happened.

Runs until Ctrl-C; with ``once`` it ends by itself, with exit status 0 when every job of the visit succeeded.
"""

from __future__ import annotations

import re
import signal
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from celeriac.cli import processgroup
from celeriac.demo.board import Board
from celeriac.demo.browser import Browser
from celeriac.demo.ports import free_port
from celeriac.demo.postoffice import PostOffice, open_post_office
from celeriac.demo.site import Site, SiteFailed, running
from celeriac.demo.visit import Visit

MAIL_MAY_TAKE = 10.0
INTERRUPTED = 130
PAGES = {
    "Site": "/",
    "Most read": "/ranking/",
    "Mail": "/mail/",
    "Admin": "/admin/",
    "Schedules": "/admin/celeriac/periodictask/",
}


def run_demo(once: bool, svg: Path | None) -> int:
    """Run the demo. ``svg`` is a file that is to show what was printed, as a picture. Returns the exit status."""
    # SIGINT too: a shell that starts this in the background has it ignored.
    for number in processgroup.STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    # A recording of a terminal would hold every frame of the live table.
    console = Console(record=True, width=100, force_terminal=False) if svg else Console()
    return run(console, once=once, svg=svg)


def run(console: Console, once: bool, svg: Path | None) -> int:
    """Run everything in a folder of its own, which is gone afterwards."""
    try:
        with tempfile.TemporaryDirectory(prefix="celeriac-demo-") as folder:
            code = play(console, Path(folder), once)
    except SiteFailed as failure:
        console.print(str(failure), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return INTERRUPTED if once else 0
    if svg is not None:
        write_picture(console, svg)
    return code


def play(console: Console, folder: Path, once: bool) -> int:
    """Start what the visit needs, pay it, and stay until Ctrl-C where that is wanted."""
    with open_post_office(folder / "mail") as office:
        site = Site(folder, free_port(8000), office.port)
        console.print(f"Database [bold]SQLite[/], post office on port {office.port}; making tables and articles ...")
        site.prepare()
        with running(site):
            console.print(f"Site and worker are up: [bold]{site.url}/[/]\n")
            succeeded = pay_visit(console, site, office)
            if not once:
                stay(console, site)
            return 0 if succeeded else 1


def pay_visit(console: Console, site: Site, office: PostOffice) -> bool:
    """Run the visit under a live table; return whether all went well."""
    visit = Visit(Browser(site.url))
    try:
        run_under_table(console, visit)
    except (OSError, LookupError) as error:
        raise SiteFailed(f"The visit broke off: {error}\n{site.last_words()}") from error
    arrived = office.arrival.wait(MAIL_MAY_TAKE)
    console.print(f"The post office refused {names(office.refused)} once and received: {names(office.received)}.")
    if visit.succeeded and arrived:
        console.print("Every job of the visit succeeded.", style="green")
        return True
    console.print("Not every job of the visit succeeded. The end of the log:", style="red")
    console.print(site.last_words(), markup=False, highlight=False)
    return False


def run_under_table(console: Console, visit: Visit) -> None:
    """Show the table live on a terminal; elsewhere print it when the visit is over, however it ended."""
    board = Board(visit.steps)
    if not console.is_terminal:
        try:
            visit.run()
        finally:
            console.print(board)
        return
    with Live(board, console=console, refresh_per_second=12) as live:
        visit.changed = live.refresh
        visit.run()


def names(addresses: list[str]) -> str:
    """Return e-mail addresses for a sentence."""
    return ", ".join(addresses) or "nothing"


def stay(console: Console, site: Site) -> None:
    """Print where to look, and keep everything running."""
    console.print()
    for title, address in PAGES.items():
        console.print(f"  {title:10} {site.url}{address}", highlight=False)
    console.print(f"  {'Login':10} {site.admin} / {site.password}", highlight=False, markup=False)
    console.print(f"  {'Log':10} {site.log}\n", highlight=False, markup=False)
    console.print("Ctrl-C stops everything.")
    while True:
        site.check()
        time.sleep(0.5)


def write_picture(console: Console, file: Path) -> None:
    """Save what was printed. Rich's web fonts are left out: a picture in a repository loads nothing from elsewhere."""
    picture = console.export_svg(title="make demo", unique_id="demo")
    file.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL), encoding="utf-8")
