"""Everything as real processes on this machine's loopback: `make stack` starts them, `make stack-stop` ends them.

A git repository, a database, an S3 server, MLflow, Prefect with a worker, and the scoring service, each with passwords
made for this folder alone. It is how they are put together, to be looked at and tried; nobody else can reach it.
"""
