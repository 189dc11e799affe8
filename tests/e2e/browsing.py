"""What a person does with the interface in a browser, and whatever the browser complains of meanwhile."""

import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Dialog, Page, Response, Route, ViewportSize

HERE = Path(__file__).parent
WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740)
# Tells of what the page's policy has refused, before anything else of the page runs.
WATCH = """window.refused = [];
addEventListener('securitypolicyviolation', (it) => window.refused.push(it.violatedDirective));"""
# What a browser says of every answer that is no success; all else that it calls an error is one.
NO_SUCCESS = "Failed to load resource"
DROP = """([zone, files]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  for (const [name, body] of files) data.items.add(new File([bytes(body)], name));
  document.querySelector(zone).dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }));
}"""
# The number in the token is ASCII, whatever letters the names in it have.
HAS_EXPIRED = """() => {
  const body = sessionStorage.getItem('artstore.token').split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  return JSON.parse(atob(body)).exp * 1000 < Date.now();
}"""
PAUSE_MS = 50


@dataclass
class Visitor:
    """A person with the interface open. Whatever the browser complains of is gathered in `complaints`."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    held: list[Route] = field(default_factory=list)
    is_holding: bool = False

    def __post_init__(self) -> None:
        self._watch()

    def close_tab(self) -> None:
        """Close the tab and open another one in the same browser."""
        closed, self.page = self.page, self.page.context.new_page()
        closed.close()
        self._watch()

    def _watch(self) -> None:
        self.page.add_init_script(WATCH)
        self.page.set_default_timeout(30_000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._on_console)
        self.page.on("dialog", self._on_dialog)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(NO_SUCCESS):
            self.complaints.append(message.text)

    def _on_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def open(self, path: str) -> Response | None:
        return self.page.goto(f"{self.url}{path}")

    def until(self, ask: Callable[[], object], seconds: float, why: str) -> None:
        """Ask until the answer is truthy, while the page goes on; fail with `why` after `seconds`."""
        deadline = time.monotonic() + seconds
        while not ask():
            assert time.monotonic() < deadline, f"after {seconds} s: {why}"
            self.page.wait_for_timeout(PAUSE_MS)

    def see(self, mark: str, seconds: float = 30, **attributes: str) -> Any:
        """Wait for what carries this mark, and return its locator."""
        wanted = "".join(f'[data-{name}="{value}"]' for name, value in attributes.items())
        found = self.page.locator(f'[data-testid="{mark}"]{wanted}')
        found.first.wait_for(timeout=seconds * 1000)
        return found

    def read(self, words: str, seconds: float = 30) -> Any:
        """Wait until these words stand on the page, and return their locator."""
        found = self.page.get_by_text(words)
        found.first.wait_for(timeout=seconds * 1000)
        return found

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def sign_in(self, password: str, login: str = "admin") -> None:
        self.see("sign-in")
        self.page.fill("#login", login)
        self.page.fill("#password", password)
        self.page.click("button[type=submit]")

    def token(self) -> str:
        """Return the access token that this tab keeps."""
        return str(self.page.evaluate("sessionStorage.getItem('artstore.token')"))

    def await_expiry(self) -> None:
        """Wait until the time that is written in the access token has passed."""
        self.page.wait_for_function(HAS_EXPIRED, timeout=60_000)

    def mark_page(self) -> None:
        """Leave something on the page that no reload keeps."""
        self.page.evaluate("window.same = true")

    def is_same_page(self) -> bool:
        """Tell whether nothing has been loaded anew since `mark_page`."""
        return self.page.evaluate("window.same") is True

    def drop(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Drop files on the page of uploads, as a person drags them in."""
        packed = [[name, base64.b64encode(body).decode()] for name, body in files]
        self.page.locator(".drop-zone").wait_for()
        self.page.evaluate(DROP, [".drop-zone", packed])

    def choose(self, *files: Path) -> None:
        """Choose files on the page of uploads."""
        self.page.set_input_files('[data-testid="files"]', files)

    def hold_bytes(self) -> None:
        """Let no bytes of files through; the requests that carry them gather in `held`."""
        self.is_holding = True
        self.page.route("**/content", self._on_bytes)

    def _on_bytes(self, route: Route) -> None:
        if self.is_holding:
            self.held.append(route)
        else:
            route.continue_()

    def let_bytes_through(self) -> None:
        """Let those through that are held, and all later ones."""
        self.is_holding = False
        while self.held:
            self.held.pop().continue_()

    def uploads(self, stage: str) -> int:
        """Return how many uploads are at this stage."""
        return self.page.locator(f'[data-testid="upload"][data-stage="{stage}"]').count()

    def await_uploads(self, stage: str, count: int, seconds: float = 60) -> None:
        """Wait until so many uploads have come to this stage."""
        self.until(lambda: self.uploads(stage) == count, seconds, f"not {count} uploads are {stage}")

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
