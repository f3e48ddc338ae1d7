from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from foedus.intake import IntakeContext
from foedus.model.identifiers import MemberId, ObjectId

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def context() -> IntakeContext:
    return IntakeContext(
        member=MemberId("XA"),
        member_identity=ObjectId("identity--6a2f7c1e-3b0d-4c55-9f0e-2b6f6d6f6564"),
        now=datetime(2026, 11, 24, 12, tzinfo=UTC),
    )


@pytest.fixture
def real_data() -> Path:
    folder = _ROOT / ".." / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the collection of public data is not beside this repository")
    return folder


@pytest.fixture
def demo_inputs() -> Path:
    return _ROOT / "src" / "foedus" / "demo" / "inputs"
