"""Exchange this job's OpenID Connect token for a role's keys, and hand these to the steps that follow.

The two requests are all that is needed, so no action of others sees the token. A job may ask for one with
`permissions: id-token: write`. Where no role is named a static key is handed on: by this way too, so that a static key
never stands beside a lent one, and nothing is set where there is none.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

AUDIENCE = "sts.amazonaws.com"
SECONDS = 30
NAMES = {
    "AWS_ACCESS_KEY_ID": "AccessKeyId",
    "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
    "AWS_SESSION_TOKEN": "SessionToken",
}


def token(environ: Mapping[str, str]) -> str:
    """Return the token that says to AWS which repository and which environment asks."""
    asked = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    if not asked:
        sys.exit("error: this job may ask for no token: expected `permissions: id-token: write`; a fork never may")
    headers = {"Authorization": f"bearer {environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    return str(_answer(urllib.request.Request(f"{asked}&audience={AUDIENCE}", headers=headers))["value"])


def keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the role's key, or of the static one where no role is named."""
    if environ.get("ROLE"):
        return lent(environ, token(environ))
    static = {"AWS_ACCESS_KEY_ID": environ.get("KEY_ID", ""), "AWS_SECRET_ACCESS_KEY": environ.get("SECRET_KEY", "")}
    if missing := [name for name, value in static.items() if not value]:
        sys.exit(f"error: expected the secrets {' and '.join(static)}, found no {missing[0]}; set it beside the other")
    return static


def lent(environ: Mapping[str, str], proof: str) -> dict[str, str]:
    """Return the variables of the role's keys."""
    region = environ["REGION"]
    url = environ.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{region}.amazonaws.com/"
    asked = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": environ["ROLE"],
        "RoleSessionName": f"mlflow-fraud-{environ.get('GITHUB_RUN_ID', 'run')}",
        "DurationSeconds": environ["SECONDS_LENT"],
        "WebIdentityToken": proof,
    }
    request = urllib.request.Request(url, urllib.parse.urlencode(asked).encode(), {"Accept": "application/json"})
    answer = _answer(request)["AssumeRoleWithWebIdentityResponse"]["AssumeRoleWithWebIdentityResult"]
    return {name: answer["Credentials"][there] for name, there in NAMES.items()} | {"AWS_DEFAULT_REGION": region}


def hand_on(variables: Mapping[str, str], file: Path) -> None:
    """Keep the secrets out of the log, and give all to the steps that follow."""
    for name, value in variables.items():
        if not re.fullmatch(r"[!-~]+", value):
            sys.exit(f"error: {name} is not one word, as a key of AWS is; copy it again without spaces around it")
        if name in NAMES:
            sys.stdout.write(f"::add-mask::{value}\n")
    with file.open("a", encoding="utf-8") as written:
        written.writelines(f"{name}={value}\n" for name, value in variables.items())


def _answer(request: urllib.request.Request) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        said = re.search(r'"Message"\s*:\s*"([^"]*)"', error.read().decode(errors="replace"))
        sys.exit(
            f"error: {request.host} answers {error.code}{f', {said[1]}' if said else ''}; the trust policy of the role "
            "has to name this repository and environment as the token does: docs/aws.md"
        )
    except OSError as error:
        sys.exit(f"error: {request.host} is not reached: {error}")


if __name__ == "__main__":
    hand_on(keys(os.environ), Path(os.environ["GITHUB_ENV"]))
