"""The folders of documents in their order, hour by hour; one that cannot be listed is noted and passed over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storage_agent.files import Disk
from storage_agent.gate import raise_if_exhausted

YEAR_DIGITS = 4
DAY_LENGTH = len("YYYY/MM/DD")


@dataclass
class Hours:
    """Lists an element's folders of documents. `unreadable`: folders whose names the drive did not give, and why."""

    disk: Disk
    root: Path
    unreadable: dict[str, str] = field(default_factory=dict)

    def days(self) -> list[str]:
        """Return all days, `YYYY/MM/DD`."""
        years = self._numbered("", YEAR_DIGITS)
        months = [month for year in years for month in self._numbered(year)]
        return [day for month in months for day in self._numbered(month)]

    def of_day(self, day: str) -> list[str]:
        """Return the hours of a day, `YYYY/MM/DD/HH`."""
        return self._numbered(day)

    def names(self, hour: str) -> list[str]:
        """Return the names in an hour's folder."""
        try:
            return self.disk.names(self.root / hour)
        except OSError as error:
            self._note(hour, error)
            return []

    def _numbered(self, folder: str, digits: int = 2) -> list[str]:
        found = [name for name in self.names(folder) if len(name) == digits and name.isascii() and name.isdigit()]
        paths = [f"{folder}/{name}".lstrip("/") for name in found]
        return [path for path in paths if self._is_folder(path)]

    def _is_folder(self, path: str) -> bool:
        try:
            return self.disk.is_directory(self.root / path)
        except OSError as error:
            self._note(path, error)
            return False

    def _note(self, folder: str, error: OSError) -> None:
        raise_if_exhausted(error)
        self.unreadable[folder] = error.strerror or str(error)


def beside(hours: Sequence[str], hour: str) -> list[str]:
    """Return the hours before and after one, of those that are there, in their order."""
    before = [each for each in hours if each < hour]
    after = [each for each in hours if each > hour]
    return before[-1:] + after[:1]
