"""Bodies of accounts: asking for one, and what is answered until it exists."""

from pydantic import Field

from schemas.api.body import Body
from schemas.permissions import Role

PASSWORD_MIN = 12
LOGIN_PATTERN = r"^[^\s\x00-\x1f\x7f]+$"
NO_CONTROL_PATTERN = r"^[^\x00-\x1f\x7f]*$"


class AccountBody(Body):
    """`POST /api/v1/accounts`. The password travels once, and only its sealed hash is kept."""

    login: str = Field(min_length=1, max_length=64, pattern=LOGIN_PATTERN)
    full_name: str = Field(min_length=1, max_length=256, pattern=NO_CONTROL_PATTERN)
    role: Role
    password: str = Field(min_length=PASSWORD_MIN, max_length=1024, pattern=NO_CONTROL_PATTERN, repr=False)


class AccountAnswer(Body):
    """202: the operation that makes the account."""

    operation_id: str
    account_id: str
    login: str
    role: Role
