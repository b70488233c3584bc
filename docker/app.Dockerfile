# rt-gait itself: camera, segmenter, tracks, gallery. The gait network runs on the server.
# BASE: ubuntu:24.04 on a PC, nvcr.io/nvidia/l4t-base:r36.2.0 on a Jetson with JetPack 6.
ARG BASE=ubuntu:24.04

FROM ${BASE}
USER 0:0
# No versions: those of the base image's release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/rt-gait
RUN python3 -m venv /opt/venv
COPY requirements/core.txt requirements/core.txt
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements/core.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY rt_gait rt_gait
COPY model_repository model_repository
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .
# On a Jetson: the version that the host's jtop.service has, or it does not answer.
ARG JETSON_STATS=""
RUN if [ -n "${JETSON_STATS}" ]; then \
    /opt/venv/bin/pip install --no-cache-dir "jetson-stats==${JETSON_STATS}"; fi
USER 1000:1000
WORKDIR /data
# The health check asks the run itself, inside the container. Commands that do not run a camera leave it out.
ENV RT_GAIT_METRICS=127.0.0.1:9464
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["/opt/venv/bin/rt-gait", "health"]
ENTRYPOINT ["/opt/venv/bin/rt-gait"]
CMD ["--help"]
