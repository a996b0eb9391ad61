"""Draw docs/demo.svg anew from a real run of the demo: python3 tools/capture_demo.py"""

from __future__ import annotations

import subprocess

from environment import ROOT, default


def main() -> None:
    """Run the demo once, recorded; its exit code is this one's."""
    environment = default()
    environment.ensure("demo")
    picture = ROOT / "docs" / "demo.svg"
    done = subprocess.run([environment.python, "-m", "celeriac", "demo", "--once", "--svg", picture], cwd=ROOT, check=False)
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
