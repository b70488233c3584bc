"""What is to be built, and what is refused before anything is.

The precisions are those of trtexec: ``fp32``, ``fp16``, ``int8`` and ``best`` (int8 with fp16 for
the rest). int8 comes only from a network with explicit Q/DQ, that is with calibrated scales in it:
TensorRT gives an uncalibrated one dummy scales, and its answers mean nothing (NVIDIA/TensorRT
issues 1703 and 2322).

A DLA takes no explicit Q/DQ up to TensorRT 10 (NVIDIA/TensorRT issue 2222, NVIDIA/Model-Optimizer
pull request 1661). TensorRT 11 has a DLA from 11.4.1 on alone (its guide, "Strongly Typed Networks
for DLA"), where ours are untried.

TensorRT 8.6 and 10 choose the types of layers within what the builder's flags allow. TensorRT 11
has no such flags (strongly typed): layers compute in the types that the ONNX file gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.repository import PLAN, ModelInfo, load_info, model_names

USUAL_BATCHES = (1, 8, 32)


class Precision(str, Enum):
    """What an engine computes in."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"
    BEST = "best"

    @staticmethod
    def of(text: str) -> Precision:
        """Read a precision.

        Raises:
            UsageError: there is no such precision.
        """
        try:
            return Precision(text)
        except ValueError:
            raise UsageError(
                f"--precision should be {', '.join(p.value for p in Precision)}, not {text!r}"
            ) from None


_FROM = {
    Precision.FP32: {"fp32"},
    Precision.FP16: {"fp32", "fp16"},
    Precision.INT8: {"int8"},
    Precision.BEST: {"best", "int8"},
}
"""Precisions of the ONNX file an engine may be made from, where the builder chooses types."""


@dataclass(frozen=True)
class Profile:
    """The batch sizes an engine takes, and the one it is fastest at."""

    least: int
    usual: int
    most: int

    @staticmethod
    def of(text: str | None, info: ModelInfo) -> Profile:
        """Read ``1,8,32``, or ``1`` for that alone; by default 1,8,32 as far as allowed.

        The least is 1: a server warms a model up with one, and whatever has waited long enough
        leaves as it is, for Triton's dynamic batcher fills nothing up.

        Raises:
            UsageError: it is something else, or larger than the model's largest batch.
        """
        largest = info.largest_batch
        if text is None:
            return Profile(*(min(n, largest) for n in USUAL_BATCHES))
        try:
            sizes = [int(part) for part in text.split(",")]
        except ValueError:
            sizes = []
        if len(sizes) == 1:
            sizes *= 3
        if len(sizes) != 3 or not 1 <= sizes[0] <= sizes[1] <= sizes[2] <= largest:
            raise UsageError(
                "--batch should be the least, usual and largest batch, such as 1,8,32, or 1 for "
                f"that alone, and at most {largest} for {info.name!r}; not {text!r}"
            )
        if sizes[0] > 1:
            raise UsageError(
                f"the least batch should be 1, as in --batch 1,{sizes[1]},{sizes[2]}, not "
                f"{sizes[0]}: a server warms up with one, and single windows are not filled up"
            )
        return Profile(*sizes)

    @property
    def sizes(self) -> list[int]:
        """The different sizes, rising."""
        return sorted({self.least, self.usual, self.most})


@dataclass(frozen=True)
class BuildRequest:
    """One engine.

    Raises:
        UsageError: the parts do not fit together, or the model is a plan already.
        ModelError: there is no ONNX file.
    """

    info: ModelInfo
    precision: Precision
    profile: Profile
    workspace_mib: int | None = None
    """Memory for one layer's work at most; by default all there is."""
    dla_core: int | None = None
    """Run on this deep learning accelerator, and on the GPU what it cannot."""

    def __post_init__(self) -> None:
        if self.info.platform == PLAN:
            raise UsageError(
                f"{self.info.name!r} is a plan already; build from the ONNX model, "
                f"{self.info.parameters.get('source_model', 'which its build.json names')}"
            )
        if not self.info.onnx_path.is_file():
            raise ModelError(f"there is no model file; expected {self.info.onnx_path}")
        if len(self.info.inputs) != 1 or -1 in self.info.inputs[0].dims:
            raise UsageError(
                f"an engine needs one input of fixed dimensions; {self.info.name!r} has "
                f"{[list(s.dims) for s in self.info.inputs]}"
            )
        if any(-1 in s.dims for s in self.info.outputs):
            raise UsageError(
                f"an engine needs outputs of fixed dimensions; {self.info.name!r} has "
                f"{[list(s.dims) for s in self.info.outputs]}"
            )
        if self.dla_core is not None:
            self._check_dla()

    @cached_property
    def source_precision(self) -> str:
        """As :func:`source_precision` reads it from the ONNX file, once."""
        return source_precision(self.info)

    def _check_dla(self) -> None:
        if self.precision is Precision.FP32:
            raise UsageError("a DLA does not compute in fp32; pass --precision fp16")
        if self.precision is not Precision.FP16:
            raise UsageError(
                f"a DLA takes int8 from a calibration cache and not from the scales (Q/DQ) in the "
                f"ONNX file, which --precision {self.precision.value} builds from; pass "
                "--precision fp16, or leave --dla out"
            )
        if len(self.profile.sizes) > 1:
            raise UsageError("a DLA takes one batch size only: pass --batch 1")

    def check_precision(self, *, typed: bool) -> None:
        """Check that the ONNX file can become an engine of this precision.

        Args:
            typed: TensorRT takes the types from the ONNX file, as 11 does.

        Raises:
            UsageError: it cannot; the message names a model that can, or how to make one.
        """
        source = self.source_precision
        allowed = {self.precision.value} if typed else _FROM[self.precision]
        if source in allowed:
            return
        wanted = " or ".join(sorted(allowed))
        why = (
            "int8 needs scales measured on silhouettes, as Q/DQ in the ONNX file"
            if self.precision in (Precision.INT8, Precision.BEST)
            else "this TensorRT takes the types of layers from the ONNX file"
            if typed
            else "its layers are narrower already"
        )
        raise UsageError(
            f"--precision {self.precision.value} needs a model in {wanted}, and "
            f"{self.info.name!r} is in {source}: {why}; {_advice(self.info, allowed)}"
        )


def source_precision(info: ModelInfo) -> str:
    """Return what an ONNX model computes in: what its configuration says, and int8 if it has Q/DQ.

    A model that says nothing and has no Q/DQ is taken to be in fp32.
    """
    said = info.parameters.get("precision")
    if b"QuantizeLinear" in info.onnx_path.read_bytes():
        return "best" if said == "best" else "int8"
    return said if said in ("fp16", "fp32") else "fp32"


def _advice(info: ModelInfo, allowed: set[str]) -> str:
    models_dir = info.folder.parent
    same = ("architecture", "pruned_percent", "modality")
    for name in model_names(models_dir):
        try:
            other = load_info(models_dir, name)
        except ModelError:
            continue
        kin = all(other.parameters.get(k) == info.parameters.get(k) for k in same)
        if (
            kin
            and "architecture" in info.parameters
            and other.parameters.get("precision") in allowed
            and other.parameters.get("kind") == info.parameters.get("kind")
        ):
            return f"build {name!r}, the same network"
    return "python -m rt_gait.training variants makes such models (docs/models.md)"
