"""What the caller's shell gives to the stack: its variables, sifted, and its trust in certificates."""

import os
from collections.abc import Mapping
from pathlib import Path

_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV")
_PREFIXES_PASSED_ON = ("ARTSTORE_", "XDG_", "COVERAGE_", "SSL_CERT_")

_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def caller_environment() -> Mapping[str, str]:
    """Return the variables of the shell that runs this command."""
    return os.environ  # noqa: TID251 - the launcher hands variables on; it takes no settings from here


def ca_bundle(environment: Mapping[str, str]) -> str | None:
    """Return the file of trusted certificates: as the environment says, else the system's; None when unknown."""
    named = (environment.get(key) for key in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"))
    candidates = [*(name for name in named if name), *_SYSTEM_BUNDLES]
    return next((name for name in candidates if Path(name).is_file()), None)


def clean_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """Return what a program of ours gets: little of the caller's shell, all of its ARTSTORE_* settings."""
    kept = {key: value for key, value in caller.items() if key in _PASSED_ON or key.startswith(_PREFIXES_PASSED_ON)}
    bundle = ca_bundle(caller)
    return {
        "PATH": os.defpath,
        **kept,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **({"REQUESTS_CA_BUNDLE": bundle} if bundle else {}),
    }


def server_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """Return what a server or the supervisor gets: as `clean_environment`, without our settings and their secrets."""
    return {key: value for key, value in clean_environment(caller).items() if not key.startswith("ARTSTORE_")}
