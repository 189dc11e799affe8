"""Announcing uploads."""

from fastapi import APIRouter, Response
from pydantic import field_validator

from api_gateway.dependencies import Given, Uploader
from api_gateway.idempotency import IdempotencyKey
from api_gateway.uploads import announce, check
from schemas.api.uploads import MAX_NUMBER, UploadAnswer, UploadBody

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])


class Announcement(UploadBody):
    """`UploadBody` from strangers: JSON has no bound on integers, and the rule about numbers asks for a float."""

    @field_validator("custom", mode="before")
    @classmethod
    def _integers_have_a_float(cls, custom: object) -> object:
        values = custom.values() if isinstance(custom, dict) else ()
        if any(isinstance(value, int) and abs(value) > MAX_NUMBER for value in values):
            msg = f"an integer does not survive JSON: use at most {MAX_NUMBER}, or a string"
            raise ValueError(msg)
        return custom


@router.post("", status_code=201)
async def request_upload(
    body: Announcement, who: Uploader, parts: Given, response: Response, idempotency_key: IdempotencyKey = None
) -> UploadAnswer:
    """Announce a document; the answer says where to PUT its bytes, with which ticket, until when."""
    check(body)
    answer = await announce(parts, body, who, idempotency_key)
    response.headers["Location"] = f"/api/v1/operations/{answer.operation_id}"
    return answer
