"""What fixed encoders of other libraries share: a folder, and how a run keeps it.

Legend: D features.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from labelfix.data.tables import InputSpec
from labelfix.models.encoder_folder import BUNDLE, EncoderFolder, bundled_encoder
from labelfix.models.frozen import FrozenFeatures


@dataclass(frozen=True)
class FrozenEncoder(FrozenFeatures):
    """Features of another library's encoder, which is kept fixed and lies in a folder."""

    spec: InputSpec
    folder: EncoderFolder
    source: str
    batch_size: int
    width: int

    @property
    def feature_width(self) -> int:
        return self.width

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.folder.name,
            "encoder": BUNDLE if self.folder.bundled else str(self.folder.path),
            "source": self.source,
            **self.library_json(),
            "batch_size": self.batch_size,
            "width": self.width,
        }

    @abstractmethod
    def library_json(self) -> dict[str, Any]:
        """What is this library's own in `to_json`."""

    @classmethod
    def read(cls, values: dict[str, Any], spec: InputSpec, folder: Path, **own: Any) -> Self:  # noqa: ANN401
        """Read back what `to_json` gave; `own` are the fields of this library alone."""
        encoder, width = bundled_encoder(values, folder), int(values["width"])
        return cls(spec, encoder, str(values["source"]), int(values["batch_size"]), width, **own)

    def learnt_in(self, folder: Path) -> Self:
        """The same encoder after training, as it was written into a folder."""
        encoder = EncoderFolder(folder.resolve(), self.folder.name, learnt=True)
        return replace(self, folder=encoder, source=encoder.source)

    def write_parts(self, folder: Path) -> None:
        """A copy of the encoder unless it is larger than a gigabyte."""
        if self.folder.bundled:
            self.folder.copy_to(folder / BUNDLE)
