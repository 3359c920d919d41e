"""The README of a classifier folder: what it is, and the lines that use it without labelfix."""

from __future__ import annotations

from labelfix.data.tables import ClassNames
from labelfix.models.encoding import Card

SHOWN_CLASSES = 20


def model_card(description: str, card: Card, classes: ClassNames, temperature: float) -> str:
    """The text of `README.md`.

    Args:
        temperature: Divides the logits before the softmax.
    """
    shown = ", ".join(classes.names[:SHOWN_CLASSES])
    more = f" and {len(classes) - SHOWN_CLASSES} more" if len(classes) > SHOWN_CLASSES else ""
    return f"""\
# Classifier

A classifier for {len(classes)} classes ({shown}{more}), trained by labelfix on corrected labels.
Backbone: {description}.

`labelfix.json` holds the class names in the order of the probabilities, the temperature ({temperature:.4g}, which
divides the logits before the softmax so that the probabilities are calibrated) and the settings of the encoding.

## Use it without labelfix

`probabilities` takes {card.takes}, and gives one row of {len(classes)} probabilities for each.
It computes all of them at once: give it some hundreds at a time. It needs `pip install {" ".join(card.packages)}`.

```python
{card.code}```
"""
