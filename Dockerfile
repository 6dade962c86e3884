# The environment is built once, from the lock file, and copied: no compiler in the image that runs.
FROM python:3.12-slim AS builder

RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*

# Off: code for the building machine's own processor, which others could not run. AVX2 stays on.
ARG CMAKE_ARGS="-DGGML_NATIVE=OFF"
ENV CMAKE_ARGS=${CMAKE_ARGS} \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

RUN python -m venv /opt/venv
COPY requirements.lock /build/
# --no-deps: what a package declares without needing it (torch) stays out.
RUN /opt/venv/bin/pip install --no-deps --require-hashes -r /build/requirements.lock


FROM python:3.12-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 tesseract-ocr tesseract-ocr-chi-sim tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 hearth \
    && useradd --uid 10001 --gid hearth --no-create-home --home-dir /data --shell /usr/sbin/nologin hearth \
    && install -d -o hearth -g hearth -m 700 /data

COPY --from=builder /opt/venv /opt/venv
WORKDIR /opt/hearth
# .dockerignore lets through what the site is made of, and nothing else.
COPY . ./
RUN /opt/venv/bin/python -m compileall -q webui rag inference

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    HEARTH_DATA=/data \
    HEARTH_HOST=0.0.0.0 \
    HEARTH_PORT=8080

USER hearth
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Not by urllib, which would ask a proxy that the container is told of.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["python", "-c", "\
import http.client, os; \
site = http.client.HTTPConnection('127.0.0.1', os.environ['HEARTH_PORT'], timeout=4); \
site.request('GET', '/health'); \
exit(site.getresponse().status != 200)"]

# The first process of a container: it hands signals on from the first moment, and buries what others leave behind.
ENTRYPOINT ["tini", "--", "python", "manage.py"]
CMD ["up"]
