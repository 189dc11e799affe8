"""The built interface as a gateway serves it: that it has travelled with the product, whole."""

import re

import httpx2

# Some of every kind: the frame, a library of scripts, what comes in through the style sheet.
LICENSED = ("@angular/core", "rxjs", "openapi-fetch", "bootstrap", "bootstrap-icons")


def assert_it_is_served(url: str) -> None:
    """See the page at `url`, the script that it names, packed, and the licences of what is built in."""
    page = httpx2.get(f"{url}/")
    scripts = re.findall(r'src="(main-[A-Z0-9]{8}\.js)"', page.text)
    assert (page.status_code, len(scripts)) == (200, 1)
    script = httpx2.get(f"{url}/{scripts[0]}", headers={"Accept-Encoding": "br"})
    assert (script.status_code, script.headers["Content-Encoding"]) == (200, "br")
    licences = httpx2.get(f"{url}/3rdpartylicenses.txt").text
    assert [name for name in LICENSED if f"Package: {name}\n" not in licences] == []
