"""A program that takes trtexec's options; its engines are the ONNX files, run by ONNX Runtime.

It stands in for trtexec in tests of what is around it, and proves nothing of TensorRT.
"""

import json
import os
import sys
from pathlib import Path

VERSION = os.environ.get("STAND_IN_VERSION", "100300")
sys.stdout.write(f"&&&& RUNNING TensorRT.trtexec [TensorRT v{VERSION}]\n")
with Path(os.environ["STAND_IN_LOG"]).open("a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\n")
options = dict(a.removeprefix("--").partition("=")[::2] for a in sys.argv[1:])
if os.environ.get("STAND_IN_FAILS") in options:
    sys.stdout.write("[11/26/2026-12:00:00] [E] [TRT] out of memory\n")
    sys.exit(1)
if "saveEngine" in options:
    Path(options["saveEngine"]).write_bytes(Path(options["onnx"]).read_bytes())
    Path(options["timingCacheFile"]).write_bytes(b"timings")
elif "loadEngine" in options:
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(options["loadEngine"])
    (source,) = session.get_inputs()
    shape = [int(n) for n in options["shapes"].partition(":")[2].split("x")]
    pixels = np.fromfile(
        options["loadInputs"].partition(":")[2], {"tensor(uint8)": np.uint8}[source.type]
    )
    outputs = session.run(None, {source.name: pixels.reshape(shape)})
    found = [
        {"name": s.name, "dimensions": "x".join(map(str, o.shape)), "values": o.ravel().tolist()}
        for s, o in zip(session.get_outputs(), outputs, strict=True)
    ]
    Path(options["exportOutput"]).write_text(json.dumps(found))
    warm_up = float(options["warmUp"])
    runs = [{"startComputeMs": 0.0, "latencyMs": 99.0}] * (warm_up > 0)
    runs += [
        {"startComputeMs": warm_up + k, "latencyMs": 2.0 + k % 2}
        for k in range(int(options["iterations"]))
    ]
    Path(options["exportTimes"]).write_text(json.dumps(runs))
