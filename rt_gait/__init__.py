"""rt-gait: recognise people by the way they walk, live, many at once, on an edge device."""

import os

# ONNX Runtime would otherwise make this machine an identifier and report to its maker what is run.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
