"""The command line: one file per command group.

Commands print data to standard output and messages to standard error, and offer ``--json``.
"""

from foedus.cli.app import main

__all__ = ["main"]
