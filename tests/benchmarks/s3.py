"""Requests to a store that speaks S3, signed (AWS Signature Version 4) together with the SHA-256 of their body."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

REGION, SERVICE, ALGORITHM = "us-east-1", "s3", "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Signer:
    """Signs as one account at one server. The server has to verify that the body has the hash that was signed."""

    access_key: str
    secret_key: str
    host: str

    def headers(self, method: str, path: str, sha256: str, now: datetime) -> Mapping[str, str]:
        """Return the headers of a request besides Host; `path` has no query and nothing that needs an escape."""
        at = now.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{at[:8]}/{REGION}/{SERVICE}/aws4_request"
        own = {"x-amz-content-sha256": sha256, "x-amz-date": at}
        signed = {"host": self.host, **own}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        asked = hashlib.sha256(f"{method}\n{path}\n\n{lines}\n{names}\n{sha256}".encode()).hexdigest()
        signature = hmac.new(self._key(scope), f"{ALGORITHM}\n{at}\n{scope}\n{asked}".encode(), "sha256").hexdigest()
        credential = f"Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**own, "Authorization": f"{ALGORITHM} {credential}"}

    def _key(self, scope: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        return key
