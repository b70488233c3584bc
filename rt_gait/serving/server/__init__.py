"""A real Triton server from a wheel, with a backend that runs ONNX models."""
