"""Content-Disposition for any file name (RFC 6266, RFC 8187). Pure."""

from urllib.parse import quote

# attr-char of RFC 8187 beside letters and digits, which `quote` never escapes.
_UNESCAPED = "!#$&+.^_`|~-"


def attachment(filename: str) -> str:
    """Return the header's value: a plain ASCII name for old clients, and the true one as `filename*` when it differs.

    Separators of folders become `_`: no client has to be trusted to strip them.
    """
    name = "".join("_" if char in "/\\" or not char.isprintable() else char for char in filename)
    plain = "".join(char if char.isascii() and char not in '"%' else "_" for char in name)
    if plain == filename:
        return f'attachment; filename="{plain}"'
    exact = quote("".join("_" if char in "/\\\0" else char for char in filename), safe=_UNESCAPED, errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"
