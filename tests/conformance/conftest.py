"""The node of the exchange tests, served here too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PLACE = Path(__file__).parents[1] / "unit" / "exchange" / "conftest.py"
_NAME = "exchange_live_node"
_spec = importlib.util.spec_from_file_location(_NAME, _PLACE)
if _spec is None or _spec.loader is None:
    raise ImportError(_PLACE)
_module = importlib.util.module_from_spec(_spec)
sys.modules[_NAME] = _module  # dataclasses look their module up by name
_spec.loader.exec_module(_module)

live = _module.live
loopback = _module.loopback
log_lines = _module.log_lines
indicators = _module.indicators
