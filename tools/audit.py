"""`make audit`: known vulnerabilities, licences and a bill of materials of all that `.venv` holds.

Writes docs/licences.md and sbom.cdx.json (CycloneDX); exits with 1 where a vulnerability is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv/bin/python"
LICENCES, BILL = ROOT / "docs/licences.md", ROOT / "sbom.cdx.json"
SERVICES = ("pypi", "osv")  # indexes of advisories that pip-audit can ask
# Licences that ask more of who passes the software on than to name it; all others are permissive.
COPYLEFT = ("GPL", "MPL", "Mozilla", "EPL", "EUPL", "CDDL")


def tool(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / name), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def licences() -> str:
    """A page with every installed package and its licence, those to look at first."""
    found = json.loads(tool("pip-licenses", "--python", str(PYTHON), "--from=mixed", "--format=json").stdout)
    rows = sorted(((row["Name"], row["Version"], _first_line(row["License"])) for row in found), key=_by_name)
    marked = [row for row in rows if row[2] == "UNKNOWN" or any(word in row[2] for word in COPYLEFT)]
    return f"""# Licences of what this project installs

Written by `make audit` (pip-licenses) from the packages' own words: {len(rows)} packages. The project itself is
Apache-2.0; it imports these and passes none of them on.

## Not permissive, or not stated

{_table(marked)}

## All

{_table(rows)}
"""


def _by_name(row: tuple[str, str, str]) -> str:
    return row[0].lower()


def _first_line(text: str) -> str:
    """Some packages give the whole licence: its first line names it."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "UNKNOWN").replace("|", "/")


def _table(rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in [("package", "version", "licence"), ("---", "---", "---"), *rows]]
    return "\n".join(lines)


def advisories() -> tuple[list[str], str]:
    """Known vulnerabilities, and who was asked about how many packages."""
    site = subprocess.run(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    for service in SERVICES:
        answer = tool("pip-audit", "--path", site, "--format=json", f"--vulnerability-service={service}")
        try:
            packages: list[dict[str, Any]] = json.loads(answer.stdout)["dependencies"]
        except (ValueError, KeyError):
            continue
        asked = [package for package in packages if "vulns" in package]
        if asked:
            known = [f"{p['name']} {p['version']}: {found['id']}" for p in asked for found in p["vulns"]]
            return known, f"{service} knows {len(asked)} of {len(packages)} packages"
    return [], f"NOT CHECKED: no index of advisories answers here ({', '.join(SERVICES)})"


def main() -> int:
    LICENCES.write_text(licences())
    print(f"licences: {LICENCES.relative_to(ROOT)}")
    words = ("environment", str(PYTHON), "--pyproject", "pyproject.toml", "--output-reproducible", "-o", str(BILL))
    made = tool("cyclonedx-py", *words)
    if made.returncode:
        print(f"bill of materials: {made.stderr.strip()}", file=sys.stderr)
        return 1
    print(f"bill of materials: {BILL.name}, {len(json.loads(BILL.read_text())['components'])} components")
    known, asked = advisories()
    print(f"advisories: {asked}; {len(known)} known vulnerabilities" if "NOT" not in asked else f"advisories: {asked}")
    print("\n".join(known), end="\n" if known else "")
    return int(bool(known))


if __name__ == "__main__":
    raise SystemExit(main())
