# Images that the Docker engine runs a notebook in. The runner is no part of them: it is copied into
# each container, so Kaggle's own image works as it is. Build with `make image`, which fills the
# wheelhouse first; both of Docker's builders can, so nothing here needs BuildKit.
#
# slim:    what `make image` makes: Kaggle's versions of some 160 packages, on a plain base.
# test:    slim and pytest, for tests/image.
# stage:   the harness itself, for compose.yaml's service `stage`; its build needs the network.
# kaggle:  Kaggle's own GPU image, nothing added.
#
# Every difference of `slim` from Kaggle's image has a line that starts with `DIFFERS`.

# Any image with python3 (3.10 to 3.13), its venv module and setpriv (util-linux) will do.
# DIFFERS: Python is the base's; Kaggle's image has 3.12.13.
# DIFFERS: the base is Debian 12 with glibc 2.36; Kaggle's image is Ubuntu 22.04 with glibc 2.35.
ARG BASE_IMAGE=python:3.12-slim-bookworm


FROM ${BASE_IMAGE} AS packages
COPY mirror.lock mirror-cuda.lock /build/
COPY wheelhouse /build/wheelhouse
SHELL ["/bin/sh", "-eu", "-c"]
# The lock holds each package by hash and names the dependencies too, so none is looked for.
# CUDA's libraries come along only when the torch in the wheelhouse was built for CUDA.
# DIFFERS: packages lie in /opt/mirror; Kaggle's lie in /usr/local/lib/python3.12/dist-packages.
# DIFFERS: some 160 packages of 933, without TensorFlow and JAX; mirror.in says which and why.
# DIFFERS: torch is 2.13.0, a CPU build where the package index offers one; Kaggle has 2.10.0+cu128.
RUN python3 -m venv /opt/mirror; \
    install() { \
        /opt/mirror/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-index \
            --find-links /build/wheelhouse --no-deps --require-hashes --requirement "$1"; \
    }; \
    install /build/mirror.lock; \
    if ! grep -Eq '^cuda.* = None' /opt/mirror/lib/python3*/site-packages/torch/version.py; then \
        install /build/mirror-cuda.lock; \
    fi


FROM ${BASE_IMAGE} AS slim
COPY --from=packages /opt/mirror /opt/mirror
# DIFFERS: no programs beyond the base's; Kaggle's image has git, curl, wget, gcc, ffmpeg, Node.js
# and the Google Cloud SDK, among others.
# DIFFERS: no CUDA toolkit under /usr/local/cuda.
# DIFFERS: no /opt/kaggle, no sitecustomize module, no nltk data and no easyocr models.
RUN mkdir -p /kaggle/input /kaggle/working /kaggle/lib
ENV PATH=/opt/mirror/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8
WORKDIR /kaggle/working
ARG LOCK_SHA256=unknown
LABEL org.opencontainers.image.title="kaggle-harness slim" \
      org.opencontainers.image.licenses="Apache-2.0" \
      kaggle-harness.target="slim" \
      kaggle-harness.python="/opt/mirror/bin/python" \
      kaggle-harness.kaggle-image="v170 (2026-06-29)" \
      kaggle-harness.lock="${LOCK_SHA256}"


FROM packages AS pytest
COPY tests/image/pytest.lock /build/
RUN /opt/mirror/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-index \
        --find-links /build/wheelhouse --no-deps --require-hashes \
        --requirement /build/pytest.lock --target /opt/pytest


FROM slim AS test
# Beside the mirror and not in it, so that the tests see the mirror as a notebook does.
COPY --from=pytest /opt/pytest /opt/pytest
ENV PYTHONPATH=/opt/pytest
LABEL kaggle-harness.target="test"


FROM ${BASE_IMAGE} AS stage
COPY pyproject.toml README.md LICENSE mirror.lock mirror-cuda.lock /build/
COPY harness /build/harness
RUN python3 -m venv /opt/harness \
    && /opt/harness/bin/python -m pip install --no-cache-dir --disable-pip-version-check /build \
    && rm -r /build
ENV PATH=/opt/harness/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /project
LABEL kaggle-harness.target="stage"


# The image that Kaggle served from about 2026-08-17 to October 2026 (Python 3.12.13,
# torch 2.10.0+cu128), by the notes of ten users, read 2026-11. It is not the digest that the tag
# v170 names; why is not known. Some 23 GB unpacked. `harness image --target kaggle` pulls it and
# builds nothing.
FROM gcr.io/kaggle-gpu-images/python@sha256:37c64f7dd9c54116ecd1bcc88817c5469b88387388fade02bfa8bf3fc647d461 AS kaggle
