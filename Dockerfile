# The worker. `docker build -t pg-streaming-machine-learning .`
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY setup.py pyproject.toml settings.py README.md LICENSE ./
COPY pg_streaming_machine_learning ./pg_streaming_machine_learning
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /srv/worker worker \
 && install --directory --owner=worker --mode=0700 /srv/worker/.local /srv/worker/.local/state
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SIMPLE_SETTINGS=settings
USER worker
WORKDIR /srv/worker
# The forest is compiled once, here: for this processor's family, so another one compiles it again at its first start.
RUN python -c "from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier as F; F()"
STOPSIGNAL SIGTERM
# The event loop that does the work answers /live and /ready: one that stands still does not answer.
ENV WEB_ENABLED=true WEB_PORT=6066 WEB_BIND=0.0.0.0
EXPOSE 6066
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=4 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:6066/live', timeout=4)"]
CMD ["faust", "-A", "pg_streaming_machine_learning.app", "worker", "-l", "INFO"]
