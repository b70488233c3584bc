# Triton, and what builds engines for it: two stages of one image, so that both have one TensorRT.
# TAG: 26.08-py3 on a PC, 25.12-py3-igpu on a Jetson with JetPack 6 (the original system: 24.01-py3-igpu).
ARG IMAGE=nvcr.io/nvidia/tritonserver
ARG TAG=26.08-py3

FROM ${IMAGE}:${TAG} AS server
# ONNX Runtime would report to its maker what is run.
ENV ORT_DISABLE_TELEMETRY=1
USER 1000:1000
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://localhost:8000/v2/health/ready', timeout=2)"]
CMD ["tritonserver", "--model-repository=/models", "--model-control-mode=none", \
    "--disable-auto-complete-config", "--strict-readiness=true", "--exit-on-error=true", \
    "--exit-timeout-secs=10"]

FROM ${IMAGE}:${TAG} AS builder
USER 0:0
# No versions: those of the base image's release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/rt-gait
# TensorRT's Python module, where the image has one, is the system's.
RUN python3 -m venv --system-site-packages /opt/venv
COPY requirements/core.txt requirements/core.txt
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements/core.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY rt_gait rt_gait
COPY model_repository model_repository
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .
USER 1000:1000
WORKDIR /tmp
ENTRYPOINT ["/opt/venv/bin/rt-gait", "models", "build", "--out", "/models"]
CMD ["--help"]
