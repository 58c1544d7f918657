# The service in one image: `shapr web`, `shapr worker`, `shapr prepare`. Linted; not built here.
FROM python:3.12-slim-bookworm
# Debian's fixes are wanted; the libraries keep their names and interfaces. The third is no need, and a quarter faster.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libx11-6 libtcmalloc-minimal4 \
    && rm -rf /var/lib/apt/lists/*
# Whatever uv installs is held to the hashes of requirements.lock.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir uv
WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE worker_main.py ./
# Of the lock what the service needs and what builds it, not the tools of its developers. uv checks the lock's hashes.
RUN uv pip install --system --no-cache --compile-bytecode --require-hashes -c requirements.lock -r pyproject.toml \
    && uv pip install --system --no-cache -c requirements.lock hatchling editables
COPY activities activities
COPY cli cli
COPY devstack devstack
COPY shapr shapr
COPY web web
COPY workflows workflows
RUN uv pip install --system --no-cache --no-build-isolation --no-deps --editable . \
    && useradd --system --no-create-home --uid 10001 shapr \
    && install -d -o shapr -m 700 /scratch
USER 10001
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
CMD ["shapr", "web"]
