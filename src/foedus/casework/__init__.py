"""What people decide about what was given: orders, requests, consents, challenges, retention.

Each kind of case is a value, the documents that members exchange about it, and a table of states:
which event leads from which state to which. Nothing here reads a store or a clock; operations in
``node`` do, and ask these tables what may follow.
"""

from __future__ import annotations

from foedus.casework.errors import CaseworkError

__all__ = ["CaseworkError"]
