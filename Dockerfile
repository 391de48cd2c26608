FROM python:3.13-slim AS build

WORKDIR /src
RUN python -m venv --without-pip /opt/etl
COPY requirements.lock .
RUN pip --python /opt/etl/bin/python install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE .env.example ./
COPY etl etl
COPY migrations migrations
# requirements.lock carries the build back end too, as `make demo` builds from it; here it has then done its work.
RUN pip --python /opt/etl/bin/python install --no-cache-dir --no-deps --no-build-isolation . \
    && pip --python /opt/etl/bin/python uninstall --yes hatchling hatch-fancy-pypi-readme editables pathspec pluggy trove-classifiers


FROM python:3.13-slim

# PostgreSQL refuses to run as root, and nothing here needs it. Nor does anything here install packages.
RUN useradd --uid 10001 --user-group --create-home etl \
    && chmod 0755 /home/etl \
    && install --directory --owner=etl --group=etl --mode=0700 /var/lib/etl \
    && install --directory --owner=etl --group=etl --mode=0755 /var/lib/etl-metrics \
    && python -m pip uninstall --yes --root-user-action=ignore pip
COPY --from=build /opt/etl /opt/etl

ENV PATH="/opt/etl/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    ETL_HOME=/var/lib/etl
# The embedded PostgreSQL, used when DATABASE_URL is not set.
VOLUME /var/lib/etl
USER 10001
WORKDIR /home/etl

# To the job, an interrupt is an orderly end: it writes down in sync_runs how the run ended.
STOPSIGNAL SIGINT
# A job is well while it can reach its tables. Whether the last run was good is no question for its own container, which
# may be at a first load for hours: that is for a monitor. `etl --version` would tell of Python alone.
HEALTHCHECK --interval=5m --timeout=30s --start-period=5m CMD ["etl", "runs", "--limit", "1"]

ENTRYPOINT ["etl"]
CMD ["--help"]
