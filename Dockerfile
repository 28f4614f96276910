# The MLflow service: tracking server, model registry and UI on port 5000.
#
#   docker build -t mlflow-fraud .
#   docker run -p 127.0.0.1:5000:5000 -v mlflow:/mlflow mlflow-fraud
#
# Runs and artifacts are in the volume /mlflow. Settings are MLflow's own variables, given by `docker run -e`:
#   MLFLOW_BACKEND_STORE_URI     another database: postgresql+psycopg://user:password@host/database, its driver is here
#   MLFLOW_ARTIFACTS_DESTINATION another place, s3://bucket/path too (AWS_… and MLFLOW_S3_ENDPOINT_URL say how; a
#                                client that cannot reach S3 itself: MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=false)
#   MLFLOW_SERVER_ALLOWED_HOSTS  more names and addresses (name:port, …) to answer to, beside localhost and mlflow:
#                                under any other it answers 403
# MLflow asks nobody for a password: publish the port (-p 5000:5000) to people who may see and change everything.

FROM python:3.11-slim AS packages
ARG PACKAGES="mlflow boto3 psycopg psycopg-binary"
WORKDIR /build
COPY requirements.lock .
# pip cannot take a lock with hashes as constraints. So: fetch by locked version, let through only files whose hash is
# in the lock, install these and nothing else.
RUN sed -n 's/^\([^ ]*==[^\\]*\).*/\1/p' requirements.lock > versions.txt \
    && pip download --quiet --only-binary=:all: --constraint versions.txt --dest wheels ${PACKAGES} \
    && sha256sum wheels/* > sums.txt \
    && while read -r sum file; do \
           grep --quiet --fixed-strings "sha256:${sum}" requirements.lock \
           || { echo "${file}: its hash ${sum} is not in requirements.lock; lock again and build" >&2; exit 1; }; \
       done < sums.txt
RUN python -m venv --without-pip /opt/mlflow \
    && pip --python /opt/mlflow install --quiet --no-cache-dir --no-index --no-deps wheels/* \
    && pip --python /opt/mlflow check \
    # an eighth of the size is the libraries' own tests; numpy imports some of its own
    && find /opt/mlflow -type d -name tests -not -path '*/numpy/*' -prune -exec rm -rf {} +

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /mlflow mlflow \
    && install --directory --owner=mlflow --group=mlflow /mlflow
COPY --from=packages /opt/mlflow /opt/mlflow
COPY --chmod=755 docker/serve docker/healthy /usr/local/bin/
ENV PATH=/opt/mlflow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MLFLOW_BACKEND_STORE_URI=sqlite:////mlflow/mlflow.db \
    MLFLOW_ARTIFACTS_DESTINATION=/mlflow/artifacts \
    # its job runner takes four times the memory and nothing here gives it a job
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true
USER 10001:10001
WORKDIR /mlflow
VOLUME /mlflow
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["healthy"]
ENTRYPOINT ["serve"]
