"""Announcing uploads."""

from fastapi import APIRouter, Response

from api_gateway.dependencies import Given, Uploader
from api_gateway.idempotency import IdempotencyKey
from api_gateway.uploads import announce, check
from schemas.api.uploads import UploadAnswer, UploadBody

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])


@router.post("", status_code=201)
async def request_upload(
    body: UploadBody, who: Uploader, parts: Given, response: Response, idempotency_key: IdempotencyKey = None
) -> UploadAnswer:
    """Announce a document; the answer says where to PUT its bytes, with which ticket, until when."""
    check(body)
    answer = await announce(parts, body, who, idempotency_key)
    response.headers["Location"] = f"/api/v1/operations/{answer.operation_id}"
    return answer
