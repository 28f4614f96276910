from tests.records import address, log, server
from tests.s3_server import s3_server

__all__ = ["address", "log", "s3_server", "server"]
