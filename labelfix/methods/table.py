"""The methods by name."""

from __future__ import annotations

from labelfix.correction.base import Method
from labelfix.methods.mlc import recipes

METHODS: dict[str, Method] = {"mlc": recipes.fit}
"""Method name → what fits it. Settings of the same name: `labelfix.settings.methods.METHOD_SETTINGS`."""
