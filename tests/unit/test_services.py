"""``make services``: what it says of the servers that the tests need, and when a missing one is a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
import services


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without servers and without apt: a folder that is all there is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(services, "PLACES", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def program(path: Path) -> None:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def ended(capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    with pytest.raises(SystemExit) as end:
        services.main()
    return end.value.code, capsys.readouterr().out


def test_a_missing_server_is_named_with_its_package_and_is_no_failure_on_a_laptop(
    bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = ended(capsys)
    assert code == 0
    assert "MariaDB              missing: install the package mariadb-server" in said
    assert "Cannot install what is missing: that takes apt-get" in said


def test_a_missing_server_is_a_failure_in_continuous_integration(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "1")
    assert ended(capsys)[0] == 1
    for service in services.SERVICES:
        program(bare / service.program)
    assert ended(capsys)[0] == 0


def test_what_is_missing_is_installed_by_apt_and_starts_no_server_of_the_system(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = bare / "policy-rc.d"
    monkeypatch.setattr(services, "POLICY", rule)
    monkeypatch.setattr(services, "as_root", list)
    monkeypatch.setenv("PATH", f"{bare}:/usr/bin:/bin")
    script = f'if [ "$2" = install ]; then {rule}; echo "rule $?" > {bare}/asked; shift 4; echo "$@" >> {bare}/asked; fi\n'
    (bare / "apt-get").write_text("#!/bin/sh\n" + script)
    (bare / "apt-get").chmod(0o755)
    lacking = [service for service in services.SERVICES if service.found() is None]
    if not lacking:
        monkeypatch.setattr(services, "missing", lambda: list(services.SERVICES))
        lacking = list(services.SERVICES)
    ended(capsys)
    rule_said, packages = (bare / "asked").read_text().splitlines()
    assert rule_said == "rule 101"
    assert packages.split() == [service.package for service in lacking]
    assert not rule.exists()
