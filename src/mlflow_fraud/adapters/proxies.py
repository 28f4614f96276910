"""Proxies that this machine's environment names: none of them is asked for what is on this machine itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, MutableMapping
from importlib.util import find_spec
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY")
ADDRESSES = (
    "PREFECT_API_URL",
    "FRAUD_TRACKING_URI",
    "FRAUD_S3_ENDPOINT_URL",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_S3_ENDPOINT_URL",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
)


def spare_loopback(environ: MutableMapping[str, str]) -> list[str]:
    """Let no proxy stand before this machine's own servers; return what is worth saying.

    The variables are read by each client in its own way, so `NO_PROXY` and `no_proxy` get the same names, those
    that were there before among them. A SOCKS proxy stops Prefect's client even where it would not be asked: it is
    left out where nothing here speaks it.

    >>> environ = {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "bank.example"}
    >>> spare_loopback(environ)
    []
    >>> environ["no_proxy"]
    'bank.example,localhost,127.0.0.1,::1,0.0.0.0'
    """
    told = _leave_out_unspoken(environ)
    if not given_proxies(environ):
        return told
    before = [name.strip() for key in ("no_proxy", "NO_PROXY") for name in environ.get(key, "").split(",")]
    # brackets around an address of version 6 are taken for a port by one of the clients
    names = [name.strip("[]") if name.startswith("[") and name.endswith("]") else name for name in before if name]
    together = ",".join(dict.fromkeys([*names, *LOOPBACK, *_loopback_hosts(environ)]))
    environ["NO_PROXY"] = environ["no_proxy"] = together
    return told


def given_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return each variable that names a proxy, with what it says.

    >>> given_proxies({"https_proxy": "proxy:3128", "HTTP_PROXY": "", "NO_PROXY": "bank.example"})
    {'https_proxy': 'proxy:3128'}
    """
    return {name: environ[name] for name in _both_cases(PROXIES) if environ.get(name)}


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its name or number; nothing is looked up.

    >>> is_loopback("127.0.0.2"), is_loopback("mlflow.localhost"), is_loopback("bank.example")
    (True, True, False)
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _loopback_hosts(environ: MutableMapping[str, str]) -> list[str]:
    return [host for name in ADDRESSES if (host := _host(environ.get(name, ""))) and is_loopback(host)]


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # whoever asks there will say so
        return ""


def _leave_out_unspoken(environ: MutableMapping[str, str]) -> list[str]:
    found = [name for name in _both_cases(PROXIES) if environ.get(name, "").lower().startswith("socks")]
    if not found or find_spec("socksio") is not None:
        return []
    for name in found:
        del environ[name]
    return [
        f"warning: {' and '.join(found)} names a SOCKS proxy, which nothing here can speak: it is left out, and other "
        "machines are asked directly; HTTPS_PROXY=http://… is understood"
    ]


def _both_cases(names: Iterable[str]) -> list[str]:
    return [each for name in names for each in (name, name.lower())]
