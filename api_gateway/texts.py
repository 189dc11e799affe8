"""Text from outside: what neither the log nor the database has a place for is refused before it gets there."""


def is_storable(text: str) -> bool:
    """Tell whether `text` has a form in UTF-8 (no half of a surrogate pair) and no NUL, which PostgreSQL refuses."""
    return "\0" not in text and text == text.encode("utf-8", "replace").decode()
