"""Everything there is, for programs; `labelfix schema flag` is its schema."""

from __future__ import annotations

from labelfix.outputs.gate import as_json as write

__all__ = ["write"]
