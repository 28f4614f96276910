# Three images of one lock: `mlflow`, which is the default, `worker` and `api`. docs/images.md has their sizes.
#
#   docker build -t mlflow-fraud .                          MLflow: tracking server, model registry and UI, port 5000
#   docker build -t mlflow-fraud-worker --target worker .   Prefect's worker, and its server
#   docker build -t mlflow-fraud-api --target api .         the scoring service, port 8000
#
# Each runs as user 10001, on a root that may be read-only (with a /tmp), and keeps what it has in one volume.

FROM python:3.11-slim AS builder
WORKDIR /build
COPY docker/fetch docker/wanted /usr/local/bin/
COPY requirements.lock .

# A change of pyproject.toml that asks for nothing else leaves all layers of packages as they are.
FROM builder AS wanted
COPY pyproject.toml .
RUN wanted pyproject.toml serving postgres > api.txt \
    && wanted pyproject.toml training serving postgres scale > worker.txt

# Of a package neither compiled files nor its own tests come along (numpy imports some of its own, pandas some of
# numpy's): compiled is what a start imports, and nothing else.
FROM builder AS mlflow-packages
ARG PACKAGES="mlflow[auth] boto3 psycopg[binary]"
RUN --mount=type=cache,target=/root/.cache/pip \
    fetch requirements.lock wheels ${PACKAGES} \
    && python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv install --quiet --no-compile --no-index --no-deps wheels/*.whl \
    && mv wheels/sbom.json /opt/venv/ && rm -r wheels \
    && find /opt/venv -type d -name tests -not -path '*/numpy/*' -prune -exec rm -rf {} +
COPY docker/warm /usr/local/bin/
RUN /opt/venv/bin/python /usr/local/bin/warm mlflow.cli mlflow.server.fastapi_app mlflow.server.auth psycopg boto3

FROM builder AS worker-packages
# One of DVC's packages has no wheel and is built here.
RUN fetch requirements.lock setuptools setuptools \
    && pip install --quiet --no-cache-dir --no-index --no-deps setuptools/*.whl && rm -r setuptools
COPY --from=wanted /build/worker.txt .
RUN --mount=type=cache,target=/root/.cache/pip \
    xargs -d '\n' fetch requirements.lock wheels < worker.txt \
    && python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv install --quiet --no-compile --no-index --no-deps wheels/*.whl \
    && mv wheels/sbom.json /opt/venv/ && rm -r wheels \
    && find /opt/venv -type d -name tests -not -path '*/numpy/*' -prune -exec rm -rf {} +
COPY docker/warm /usr/local/bin/
RUN /opt/venv/bin/python /usr/local/bin/warm prefect.server.api.server prefect.cli.server prefect.cli.worker \
    dvc.cli dvc.repo dvc_s3 great_expectations mlflow sklearn.ensemble xgboost skl2onnx polars

FROM builder AS api-packages
COPY --from=wanted /build/api.txt .
RUN --mount=type=cache,target=/root/.cache/pip \
    xargs -d '\n' fetch requirements.lock wheels < api.txt \
    && python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv install --quiet --no-compile --no-index --no-deps wheels/*.whl \
    && mv wheels/sbom.json /opt/venv/ && rm -r wheels \
    && find /opt/venv -type d -name tests -not -path '*/numpy/*' -prune -exec rm -rf {} +
COPY src /opt/fraud
COPY docker/warm /usr/local/bin/
RUN PYTHONPATH=/opt/fraud /opt/venv/bin/python /usr/local/bin/warm mlflow_fraud.serving.main mlflow_fraud.cli \
    mlflow_fraud.operations.keys psycopg boto3 xgboost

FROM python:3.11-slim AS base
# What builds packages is not needed by what runs them.
RUN rm -rf /usr/local/lib/python3.11/site-packages/* /usr/local/lib/python3.11/ensurepip /usr/local/bin/pip* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent fraud
COPY --chmod=755 docker/healthy /usr/local/bin/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DO_NOT_TRACK=true

# The scoring service. Variables are FRAUD_… and AWS_…; it asks for a key: `docker run … keys add NAME --scope score`.
FROM base AS api
RUN install --directory --owner=fraud --group=fraud /service
COPY --from=api-packages /opt/venv /opt/venv
COPY --from=api-packages /opt/fraud /opt/fraud
COPY --chmod=755 docker/mlflow-fraud /usr/local/bin/
ENV PYTHONPATH=/opt/fraud \
    HOME=/service
USER 10001:10001
WORKDIR /service
VOLUME /service
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["healthy", "8000", "/livez"]
ENTRYPOINT ["mlflow-fraud"]
CMD ["serve", "--host", "0.0.0.0"]

# Prefect's worker, in a clone of the repository that GIT_REMOTE names: docker/work says the variables. Its server too:
# `prefect server start --host 0.0.0.0` in place of `work`.
FROM base AS worker
# Debian keeps one version of a package, so a pinned one is gone with the next fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory /checkout \
    && git config --system --add safe.directory /checkout/.git \
    && install --directory --owner=fraud --group=fraud /worker
COPY --from=worker-packages /opt/venv /opt/venv
COPY --chmod=755 docker/begin docker/work docker/working docker/mlflow-fraud /usr/local/bin/
ENV PYTHONPATH=/worker/checkout/src:/worker/checkout \
    HOME=/worker \
    DVC_NO_ANALYTICS=1 \
    GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true
USER 10001:10001
WORKDIR /worker
VOLUME /worker
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 CMD ["working"]
CMD ["work"]

# MLflow. Settings are its own variables, given by `docker run -e`:
#   MLFLOW_BACKEND_STORE_URI     another database: postgresql+psycopg://user:password@host/database, its driver is here
#   MLFLOW_ARTIFACTS_DESTINATION another place, s3://bucket/path too (AWS_… and MLFLOW_S3_ENDPOINT_URL say how; a
#                                client that cannot reach S3 itself: MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=false)
#   MLFLOW_SERVER_ALLOWED_HOSTS  more names and addresses (name:port, …) to answer to, beside localhost and mlflow:
#                                under any other it answers 403
# It asks nobody for a password: publish the port (-p 5000:5000) to people who may see and change everything, or let it
# ask by the option --app-name basic-auth; docs/images.md says the variables.
FROM base AS mlflow
RUN install --directory --owner=fraud --group=fraud /mlflow
COPY --from=mlflow-packages /opt/venv /opt/venv
COPY --chmod=755 docker/serve /usr/local/bin/
ENV HOME=/mlflow \
    MLFLOW_BACKEND_STORE_URI=sqlite:////mlflow/mlflow.db \
    MLFLOW_ARTIFACTS_DESTINATION=/mlflow/artifacts \
    # its job runner takes four times the memory and nothing here gives it a job
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
    MLFLOW_DISABLE_TELEMETRY=true
USER 10001:10001
WORKDIR /mlflow
VOLUME /mlflow
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["healthy", "5000", "/health"]
ENTRYPOINT ["serve"]
