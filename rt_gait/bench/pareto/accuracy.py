"""How accurate each network is, from what ``rt-gait evaluate`` and ``models build`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from rt_gait.bench.results.file import is_result, read_json
from rt_gait.bench.results.form import first_of
from rt_gait.errors import UsageError

MEASURES = ("rank-1", "rank-5", "mAP", "mINP")
"""Those that are better when they are greater."""
_ALL = "all"
"""The condition that holds every probe, where there is one; else the mean of all conditions."""


class _Figure(BaseModel):
    value: float | None


class _Condition(BaseModel):
    figures: dict[str, _Figure | None]


class _Model(BaseModel):
    model: str
    conditions: dict[str, _Condition]


class _Report(BaseModel):
    models: list[_Model] = Field(min_length=1)


@dataclass
class Accuracies:
    """Shares from 0 to 1; a TensorRT plan has its own, never that of the ONNX model behind it."""

    measure: str
    by_digest: dict[str, float] = field(default_factory=dict)
    """Of ONNX models, by the digest in ``name@digest``: a network may have several names."""
    by_plan: dict[str, float] = field(default_factory=dict)
    """Of plans, by SHA-256."""

    def of(self, model: Mapping[str, Any]) -> float | None:
        """Return a model's, as a result describes it; None if it was not measured."""
        if model["platform"] == "tensorrt_plan":
            return self.by_plan.get(model["network_sha256"])
        return self.by_digest.get(model["key"].rpartition("@")[2])

    def add(self, path: Path) -> bool:
        """Take in a file; False if it is no report with accuracies.

        Raises:
            UsageError: it cannot be read, is damaged, or two reports differ over a model.
        """
        told = read_json(path)
        if not isinstance(told, dict):
            return False
        try:
            if "plan_sha256" in told:
                if told.get("accuracy"):
                    (model, *_) = _Report.model_validate(told["accuracy"]).models
                    self._take(self.by_plan, str(told["plan_sha256"]), model, path)
                return True
            if told.get("layout") != 1 or "models" not in told or "protocol" not in told:
                return False
            for model in _Report.model_validate(told).models:
                self._take(self.by_digest, model.model.rpartition("@")[2], model, path)
        except ValidationError as error:
            raise UsageError(f"a report that is damaged ({first_of(error)}): {path}") from error
        return True

    def add_folder(self, folder: Path) -> None:
        """Take in what reports there are in a folder, and in those in it.

        Raises:
            UsageError: two reports differ over a model.
        """
        for path in sorted(folder.rglob("*.json")):
            if not is_result(path):
                self.add(path)

    def _take(self, known: dict[str, float], key: str, model: _Model, path: Path) -> None:
        whole = model.conditions.get(_ALL)
        chosen = [whole] if whole is not None else model.conditions.values()
        figures = [condition.figures.get(self.measure) for condition in chosen]
        values = [f.value for f in figures if f is not None and f.value is not None]
        if not values:
            return
        value = fmean(values)
        if known.setdefault(key, value) != value:
            raise UsageError(
                f"two reports give {model.model} another {self.measure} "
                f"({known[key]:.4f}, {value:.4f}); name those of one data set: {path}"
            )
