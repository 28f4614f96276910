from tests.records import log
from tests.s3_server import s3_server

__all__ = ["log", "s3_server"]
