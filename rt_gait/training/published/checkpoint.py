"""Reading checkpoints of others: tensors only, and each one accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rt_gait.errors import ModelError, UsageError

from .architectures import ARCHITECTURES, Shapes

#: Only training uses these: the classifier's head, and losses with parameters of their own.
_TRAINING_ONLY = ("BNNecks.", "loss_aggregator.")
#: Counted in training, read nowhere.
_COUNTER = "num_batches_tracked"
_NAMED_MOST = 4


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read the tensors of OpenGait's ``{"model": state_dict, ...}`` that inference needs, float32.

    Nothing but tensors and plain containers is unpickled, so no code of the file can run.

    Raises:
        ModelError: the file cannot be read, holds anything else, or has no such tensors.
    """
    whole = _unpickled(path)
    state = whole.get("model") if isinstance(whole, dict) else None
    if not isinstance(state, dict) or not state:
        found = ", ".join(map(str, list(whole)[:_NAMED_MOST])) if isinstance(whole, dict) else ""
        raise ModelError(
            f'expected a checkpoint of OpenGait, a dict with the weights under "model", '
            f"not {type(whole).__name__} of {found or 'nothing'}: {path}"
        )
    if all(str(key).startswith("module.") for key in state):  # of DistributedDataParallel
        state = {key[len("module.") :]: value for key, value in state.items()}
    wanted = {
        key: value
        for key, value in state.items()
        if not str(key).startswith(_TRAINING_ONLY) and not str(key).endswith(_COUNTER)
    }
    for key, value in wanted.items():
        _check_tensor(key, value, path)
    return {key: value.detach().float().contiguous() for key, value in wanted.items()}


def network(arch: str, state: dict[str, Tensor]) -> nn.Module:
    """Build a network of :data:`ARCHITECTURES` and give it its weights.

    Raises:
        UsageError: there is no such architecture.
        ModelError: a tensor is missing, left over, or of another shape.
    """
    if arch not in ARCHITECTURES:
        raise UsageError(f"--arch should be one of {', '.join(ARCHITECTURES)}; not {arch!r}")
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    built = _outline(arch, shapes)
    wrong = _differences(_expected(built), shapes)
    if wrong:
        fitting = [a for a in ARCHITECTURES if not _differences(_expected_of(a, shapes), shapes)]
        hint = f"; it fits --arch {fitting[0]}" if fitting else ""
        raise ModelError(f"the checkpoint is not of {arch}: {wrong}{hint}")
    built = built.to_empty(device="cpu")
    built.load_state_dict(state, strict=False)  # the counters are all that is missing
    return built.eval()


def _unpickled(path: Path) -> Any:
    try:
        file = path.open("rb")
    except OSError as error:
        raise ModelError(f"cannot read the checkpoint ({error.strerror}): {path}") from error
    with file:
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises a different class for each kind of damage
            raise ModelError(
                "expected a checkpoint of tensors and nothing else; this file is damaged, is no "
                f"checkpoint, or holds objects that could run code, and was not loaded: {path}"
            ) from error


def _check_tensor(key: object, value: object, path: Path) -> None:
    plain = (
        isinstance(key, str)
        and isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.is_floating_point()
        # A file of a few bytes can otherwise stand for a tensor larger than memory.
        and 0 < value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )
    if not plain:
        raise ModelError(f"{key!r} should be a tensor of floating point numbers: {path}")
    assert isinstance(value, Tensor)  # noqa: S101 - for mypy
    if not bool(value.isfinite().all()):
        raise ModelError(f"{key!r} holds numbers that are not finite: {path}")


def _outline(arch: str, shapes: Shapes) -> nn.Module:
    with torch.device("meta"):  # shapes without memory
        return ARCHITECTURES[arch].build(shapes)


def _expected(built: nn.Module) -> Shapes:
    return {k: tuple(v.shape) for k, v in built.state_dict().items() if not k.endswith(_COUNTER)}


def _expected_of(arch: str, shapes: Shapes) -> Shapes:
    return _expected(_outline(arch, shapes))


def _differences(expected: Shapes, found: Shapes) -> str:
    missing = [key for key in expected if key not in found]
    left_over = [key for key in found if key not in expected]
    other = [
        f"{key} {list(found[key])} in place of {list(shape)}"
        for key, shape in expected.items()
        if key in found and found[key] != shape
    ]
    kinds = {"missing": missing, "left over": left_over, "of another shape": other}
    return "; ".join(f"{kind}: {_some(keys)}" for kind, keys in kinds.items() if keys)


def _some(keys: list[str]) -> str:
    rest = len(keys) - _NAMED_MOST
    return ", ".join(keys[:_NAMED_MOST]) + (f" and {rest} more" if rest > 0 else "")
