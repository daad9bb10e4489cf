"""Asks whether a version that is locked in requirements/*.txt has a known vulnerability, with pip-audit.

``python scripts/audit_dependencies.py`` ends with 1 when there is one that is not on the list below, and with 0
otherwise, also where nobody could be asked: then it says so, because a build does not fail for a network. Nothing is
installed and nothing is resolved: the locks name every version. ``--strict`` fails where it could not ask as well.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
_SECONDS = 120
#: Whom pip-audit may ask, in this order: one that knows nothing of our versions is no answer.
_SERVICES: tuple[list[str], ...] = ([], ["--vulnerability-service=osv"])
_NAMED = 10
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.M)

IGNORED: dict[str, str] = {}
"""Vulnerabilities that do not concern Mnemon: the id, and why, with who looked at it when."""


@dataclass
class Audit:
    """What was found out.

    Attributes:
        asked: versions that somebody knew.
        unknown: versions that nobody knew, each with the reason.
        found: vulnerabilities, as sentences.
        ignored: of those, the ones on the list.
        failure: why nobody could be asked.
    """

    asked: int = 0
    unknown: dict[str, str] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    failure: str | None = None


def pins(paths: Iterable[Path]) -> list[str]:
    """Every version that is locked, once, whatever the Python or the platform it is for."""
    found = {
        f"{name.lower().replace('_', '-')}=={version}"
        for path in paths
        for name, version in _PIN.findall(path.read_text("utf-8"))
    }
    return sorted(found)


def ask(wanted: list[str], command: list[str]) -> Audit:
    """Ask about versions.

    Args:
        wanted: as ``name==version``.
        command: pip-audit, without what it is to look at.
    """
    whole = Audit()
    with tempfile.TemporaryDirectory() as place:
        # One name may be locked in two versions, for two Pythons: each file has a name once.
        for number, part in enumerate(_parts(wanted)):
            listed = Path(place) / f"{number}.txt"
            answer = _ask_once(listed, part, [*command, *_SERVICES[0]])
            if not answer.asked:
                second = _ask_once(listed, part, [*command, *_SERVICES[1]])
                answer = second if second.asked else answer
            whole.asked += answer.asked
            whole.unknown |= answer.unknown
            whole.found += answer.found
            whole.ignored += answer.ignored
            whole.failure = whole.failure or answer.failure
    return whole


def _parts(wanted: list[str]) -> list[list[str]]:
    parts: list[dict[str, str]] = []
    for pin in wanted:
        name = pin.partition("==")[0]
        part = next((one for one in parts if name not in one), None)
        if part is None:
            parts.append(part := {})
        part[name] = pin
    return [list(one.values()) for one in parts]


def _ask_once(listed: Path, wanted: list[str], command: list[str]) -> Audit:
    listed.write_text("\n".join(wanted) + "\n", "utf-8")
    try:
        done = subprocess.run(  # noqa: S603 - our own environment's program
            [
                *command,
                "--format=json",
                "--no-deps",
                "--disable-pip",
                "--progress-spinner=off",
                "--timeout=5",
                "-r",
                str(listed),
            ],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        told = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return Audit(failure=f"no answer within {_SECONDS} seconds")
    except OSError as error:
        return Audit(failure=f"pip-audit cannot be started ({error.strerror}); `make lint` installs it")
    except ValueError:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return Audit(failure=_without_address(lines[-1]) if lines else f"pip-audit ended with {done.returncode}")
    return read(told)


def read(told: dict[str, Any]) -> Audit:
    """What pip-audit says, as JSON."""
    audit = Audit()
    for one in told["dependencies"]:
        if "skip_reason" in one:
            audit.unknown[one["name"]] = one["skip_reason"]
            continue
        audit.asked += 1
        for known in one.get("vulns", []):
            names = [known["id"], *known.get("aliases", [])]
            fixed = ", ".join(known.get("fix_versions", [])) or "no version yet"
            sentence = f"{one['name']} {one['version']}: {', '.join(names)}; mended in {fixed}"
            reason = next((IGNORED[name] for name in names if name in IGNORED), None)
            if reason is None:
                audit.found.append(sentence)
            else:
                audit.ignored.append(f"{sentence} (ignored: {reason})")
    return audit


def _without_address(line: str) -> str:
    """The last line of an error, without saying who was asked: that is the machine's own business."""
    return re.sub(r"https?://\S+|host='[^']*'", "(address)", line)[:200]


def report(audit: Audit, total: int) -> str:
    """What a person reads."""
    lines = [*audit.found, *audit.ignored]
    if audit.failure is not None or audit.asked < total:
        why = audit.failure or "the vulnerability service does not know them, or cannot be reached from here"
        names = f" ({', '.join(sorted(audit.unknown))})" if 0 < len(audit.unknown) <= _NAMED else ""
        left = total - audit.asked
        lines.append(f"NOT AUDITED: {left} of {total} locked versions could not be asked about{names}: {why}.")
    if audit.asked:
        lines.append(
            f"{audit.asked} of {total} locked versions were asked about: {len(audit.found)} known vulnerabilities."
        )
    if audit.found:
        lines.append(
            "Take a mended version (make lock ARGS='--upgrade-package NAME'), or say in IGNORED why it does not matter."
        )
    return "\n".join(lines)


def main() -> int:
    """Audit the locks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="fail also where it could not be asked")
    parser.add_argument("files", nargs="*", type=Path, help="requirement files; those of the project, if left out")
    given = parser.parse_args()
    wanted = pins(given.files or sorted(REQUIREMENTS.glob("*.txt")))
    audit = ask(wanted, [str(Path(sys.executable).with_name("pip-audit"))])
    sys.stdout.write(report(audit, len(wanted)) + "\n")
    return 1 if audit.found or (given.strict and audit.asked < len(wanted)) else 0


if __name__ == "__main__":
    sys.exit(main())
