"""nginx and HAProxy in front of an agent, with the settings that `infra/PROXIES.md` prints, and what they saw."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.stacks import free_ports

PAGE = Path(__file__).parents[2] / "infra" / "PROXIES.md"
START_SECONDS = 10.0
AGENT = "127.0.0.1:8081"
_PASSED_ON = "    location / {\n        proxy_pass http://agent;\n    }\n"
_FOLDER = "/srv/archive/hot/"
_ABOUT_TLS = re.compile(r"^ *ssl_certificate.*\n|^ *access_log.*\n", re.MULTILINE)
NGINX = """{}daemon off; worker_processes 1; pid nginx.pid; error_log error.log warn;
events {{ worker_connections 512; }}
http {{
log_format seen '$request';
access_log seen.log seen;
client_body_temp_path bodies; proxy_temp_path answers;
fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
{}
}}
"""
HAPROXY = "global\n    log stdout format raw local0\n\n{}"


@dataclass(frozen=True)
class Proxy:
    """One that is listening. `log`: a line for every request that it has read."""

    name: str
    port: int
    log: Path


def settings_of(name: str) -> str:
    """Return what the page prints for `nginx` or `haproxy`."""
    return _printed(name)[0]


def settings_of_sender(root: Path) -> str:
    """Return what it prints for an nginx that sends the bodies of the element in `root` itself."""
    plain, instead = _printed("nginx")
    assert plain.count(_PASSED_ON) == 1
    assert instead.count(_FOLDER) == 2
    return plain.replace(_PASSED_ON, instead.replace(_FOLDER, f"{root}/"))


def _printed(name: str) -> list[str]:
    return re.findall(rf"^```{name}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def is_there(name: str) -> bool:
    """Tell whether the program is installed."""
    return shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") is not None


@contextlib.contextmanager
def a_proxy(name: str, folder: Path, agent_port: int, settings: str | None = None) -> Iterator[Proxy]:
    """Start `nginx` or `haproxy` in a folder of its own, in front of an agent; end it whatever happened."""
    folder.mkdir()
    port = free_ports(1)[0]
    text = settings or settings_of(name)
    assert AGENT in text
    text = text.replace(AGENT, f"127.0.0.1:{agent_port}")
    configured, log, words = _nginx(folder, text, port) if name == "nginx" else _haproxy(folder, text, port)
    (folder / "settings").write_text(configured, encoding="utf-8")
    with (folder / "out.log").open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out)
        try:
            _listening(port, process, folder)
            yield Proxy(name, port, log)
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _nginx(folder: Path, text: str, port: int) -> tuple[str, Path, list[str]]:
    text = _ABOUT_TLS.sub("", text).replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    words = ["nginx", "-p", f"{folder}/", "-c", "settings", "-e", "error.log"]
    # The workers of a master that root has started are nobody's, who may not read an element.
    user = "user root; " if os.geteuid() == 0 else ""
    return NGINX.format(user, text), folder / "seen.log", words


def _haproxy(folder: Path, text: str, port: int) -> tuple[str, Path, list[str]]:
    text = re.sub(r"bind :443 .*", f"bind 127.0.0.1:{port}", text)
    text = re.sub(r"log-format .*", 'log-format "%{+Q}r"', text)
    return HAPROXY.format(text), folder / "out.log", ["haproxy", "-W", "-db", "-f", str(folder / "settings")]


def _listening(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        told = (folder / "out.log").read_text(errors="replace")
        assert process.poll() is None, told
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(told)
