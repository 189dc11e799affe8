"""Debian's nginx over a folder of files, in its own configuration but for the port and the folder."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stacks import free_ports

CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ }}
http {{
    access_log off;
    keepalive_requests 100000;
    default_type application/octet-stream;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{ listen 127.0.0.1:{port}; root {files}; }}
}}
"""
START_SECONDS = 10.0


def program() -> str | None:
    """Return where nginx is; None on a machine without it."""
    return shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")


@contextmanager
def running_nginx(home: Path, files: Path) -> Iterator[int]:
    """Serve `files` until the block ends; the port on 127.0.0.1."""
    nginx, (port,) = program(), free_ports(1)
    assert nginx is not None
    # The workers of a master that root has started are nobody's, who may not look into a test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    home.mkdir()
    configuration = home / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(user=user, home=home, port=port, files=files), encoding="utf-8")
    process = subprocess.Popen([nginx, "-p", home, "-c", configuration, "-e", home / "error.log"])
    try:
        _await(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    msg = "nginx does not start"
    raise AssertionError(msg)
