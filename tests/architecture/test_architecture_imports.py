"""Importing any module has no effect: no file, socket, process, thread or word."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.architecture.conftest import Module

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib, json, os, sys, threading

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
FORBIDDEN = {
    "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.putenv", "os.unsetenv", "os.system",
    "os.fork", "os.exec", "os.posix_spawn", "os.chmod", "os.link", "os.symlink", "os.chdir",
    "subprocess.Popen", "sqlite3.connect", "tempfile.mkstemp", "tempfile.mkdtemp",
    "shutil.copyfile", "shutil.rmtree", "_thread.start_new_thread", "signal.pthread_kill",
}
met = []
module = ""

def by_library():
    # One library behind a library asks the machine once whether it has IPv6. It is refused like
    # everybody, and takes that for a no.
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "urllib3.util.connection":
            return True
        frame = frame.f_back
    return False

def watch(event, details):
    writes = event == "open" and (
        any(letter in (details[1] or "") for letter in "wax+") or (details[2] or 0) & WRITING
    )
    if writes or event in FORBIDDEN or event.startswith("socket."):
        if not by_library():
            met.append([module, event, repr(details)[:200]])
        raise PermissionError(f"{event} while importing {module}")

sys.dont_write_bytecode = True
before = dict(os.environ)
sys.addaudithook(watch)
failed = []
for module in json.loads(sys.argv[1]):
    try:
        importlib.import_module(module)
    except BaseException as error:
        failed.append([module, repr(error)])
module = ""
changed = before != dict(os.environ) or threading.active_count() != 1
sys.stdout.write("\\n" + json.dumps({"met": met, "failed": failed, "changed": changed}))
"""


def run(names: Sequence[str], *more: str) -> tuple[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", *more, "-c", PROGRAM, json.dumps(names)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, _, report = done.stdout.rpartition("\n")
    return said + done.stderr, json.loads(report)


def test_importing_any_module_has_no_effect(modules: Sequence[Module]) -> None:
    said, report = run([module.name for module in modules])
    assert report == {"met": [], "failed": [], "changed": False}
    assert not said.strip()


def test_the_watch_sees_a_module_that_writes(tmp_path: Path) -> None:
    (tmp_path / "writer.py").write_text("open('left', 'w')\n", encoding="ascii")
    program = PROGRAM.replace(
        "import importlib,", f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport importlib,"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, '["writer"]'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout.rpartition("\n")[2])
    assert [met[:2] for met in report["met"]] == [["writer", "open"]]
    assert not (tmp_path / "left").exists()
