"""rt-gait: recognise people by the way they walk, live, many at once, on an edge device."""

import os

# Both would otherwise report to their makers what is run; ONNX Runtime makes an identifier for it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("YOLO_OFFLINE", "True")

__version__ = "0.1.0"
