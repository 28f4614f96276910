"""When, how often, again after failure: the flows give order, names and retries, and compute nothing."""

import os
import sys

from mlflow_fraud.adapters.certificates import require_certificates
from mlflow_fraud.core.errors import SettingsError

try:
    require_certificates(os.environ)  # here, since Prefect opens them as it is imported, and prints a traceback
except SettingsError as error:
    sys.exit(f"error: {error}")
