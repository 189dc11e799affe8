"""Body of what an installation allows."""

from schemas.api.body import Body


class LimitsBody(Body):
    """`GET /api/v1/limits`. `link_seconds_max`: for how many seconds a link may open a document at most."""

    link_seconds_max: int
