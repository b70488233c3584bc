"""From ONNX to a TensorRT engine, on the device that is to run it."""
