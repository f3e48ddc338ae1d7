"""Foedus: a treaty and a cooperative mechanism as software.

Every member runs its own node and keeps its own data. A node discloses an item to another member
only if a treaty both ratified permits it, says which article decided, and records it in a log that
others can check. See ``docs/architecture.md`` for the path of an item.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
