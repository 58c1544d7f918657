# The service in one image: `shapr web`, `shapr worker`, `shapr prepare`. Linted; not built here.
FROM python:3.12-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libx11-6 \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv
WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE worker_main.py ./
RUN uv pip install --system --no-cache --require-hashes -r requirements.lock
COPY activities activities
COPY cli cli
COPY devstack devstack
COPY shapr shapr
COPY web web
COPY workflows workflows
RUN uv pip install --system --no-cache --no-build-isolation --no-deps --editable . \
    && useradd --system --no-create-home shapr
USER shapr
CMD ["shapr", "web"]
