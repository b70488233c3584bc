"""The COCO-pretrained detector that training starts from, cut down to the class "person"."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

YOLOV8N_SHA256 = "f59b3d833e2ff32e194b5bb8e08d211dc7c5bdf144b90d2c8412c47ccfc83b36"
"""The COCO-pretrained `yolov8n.pt` (Ultralytics, AGPL-3.0) this recipe was run with."""
PERSON = 0


def convert(weights: Path, destination: Path) -> None:
    """Writes the detector's parameters to an .npz file, class layers cut to "person".

    The checkpoint is a pickled module, which `torch.load(weights_only=True)` refuses by design. It
    is therefore opened by Ultralytics' own loader, here and nowhere else, and only if it is byte
    for byte the file named above.

    Raises:
        ValueError: the file is another one.
    """
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != YOLOV8N_SHA256:
        raise ValueError(
            f"{weights.name}: sha256 is {digest[:16]}…, expected {YOLOV8N_SHA256[:16]}…"
        )
    from ultralytics import YOLO

    arrays = {}
    for name, value in YOLO(str(weights)).model.float().state_dict().items():
        if name.endswith("num_batches_tracked") or ".dfl." in name:
            continue
        array = value.numpy()
        if name.startswith("model.22.cv3.") and name.split(".")[4] == "2":
            array = array[PERSON : PERSON + 1]
        half = array.astype(np.float16)  # the file stores fp16 already
        arrays[name] = half if np.array_equal(half.astype(np.float32), array) else array
    np.savez_compressed(destination, **arrays)
