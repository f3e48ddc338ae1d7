"""No tracked file names the machine it was written on, or where packages were fetched from."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MACHINE = re.compile(r"(?<![\w./~-])/(?:" + "|".join(("work", "root", "home")) + r")(?![\w.-])")
TEMPORARY = re.compile(r"(?<![\w./~-])/tmp(?![\w.-])")
HOSTS = (
    "pypi+org", "pythonhosted+org", "npmjs+org", "crates+io", "docker+io", "ghcr+io", "quay+io",
    "proxy.golang+org", "jfrog+io", "anaconda+org",
)  # fmt: skip
"""With a plus for the last dot, so that this file is none of those it looks for."""

OPTIONS = ("--index+url", "--extra-index+url", "--find+links")
REGISTRY = re.compile(
    "|".join(
        [
            *(re.escape(each.replace("+", ".")) for each in HOSTS),
            *(re.escape(each.replace("+", "-")) for each in OPTIONS),
        ]
    ),
    re.IGNORECASE,
)


def tracked() -> list[Path]:
    """Return every file that is tracked, or would be."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git working tree")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def found(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    hits = []
    for path in files:
        text = path.read_bytes().decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                hits.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    return hits


def test_no_file_names_a_path_of_the_machine() -> None:
    assert not found(MACHINE, tracked())


def test_only_tests_name_the_temporary_directory() -> None:
    files = [path for path in tracked() if path.relative_to(ROOT).parts[0] != "tests"]
    assert not found(TEMPORARY, files)


def test_no_file_names_a_package_registry() -> None:
    files = tracked()
    assert ROOT / "requirements" / "run.txt" in files
    assert not found(REGISTRY, files)


def test_the_lock_files_hold_hashes_and_no_addresses() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text, path.name
        assert "://" not in text, path.name


@pytest.mark.parametrize(
    ("pattern", "line", "hit"),
    [
        (MACHINE, "see /" + "work/main/x", True),
        (MACHINE, 'cd "/' + 'root"', True),
        (MACHINE, "src/work/x and a/root/b", False),
        (MACHINE, "the path /rooted", False),
        (TEMPORARY, "open('/" + "tmp/x')", True),
        (REGISTRY, "--index-" + "url https://x", True),
        (REGISTRY, "from files.python" + "hosted.org", True),
        (REGISTRY, "windows-registry-key", False),
        (REGISTRY, "a simple rule", False),
    ],
)
def test_the_search_finds_what_it_is_for(pattern: re.Pattern[str], line: str, *, hit: bool) -> None:
    assert (pattern.search(line) is not None) is hit


def test_nothing_is_tracked_that_is_made() -> None:
    made = re.compile(r"\.(pyc|db|db-wal|log|egg-info|whl)$|(^|/)(__pycache__|\.venv|dist)/")
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    assert not [name for name in names if made.search(name)]
