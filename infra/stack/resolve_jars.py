"""Fetches one set of jars into a folder: `python -m infra.stack.resolve_jars COORDINATES FOLDER`."""

import sys
from pathlib import Path

import jgo


def main() -> None:
    """Resolve the coordinates and leave the jars, in whatever sub-folders, under the folder."""
    coordinates, folder = sys.argv[1], Path(sys.argv[2])
    jgo.build(coordinates, cache_dir=folder)


if __name__ == "__main__":
    main()
