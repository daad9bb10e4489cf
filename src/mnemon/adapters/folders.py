"""What a folder or an archive holds that can be imported: each file by itself, or the whole as one export."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mnemon.adapters.importers import Import, detect, limits
from mnemon.adapters.importers.detect import UNKNOWN, members
from mnemon.adapters.importers.files import is_pipe, reading
from mnemon.adapters.importers.registry import find, formats
from mnemon.adapters.importers.wholefile import WholeFile
from mnemon.core.errors import Invalid, MnemonError

#: Formats that read a directory as one export; and of what such a format reads as a file, how it is named.
_DIRECTORIES: dict[str, tuple[str, ...]] = {"chatgpt": (".json",), "claude": (".json",), "maildir": (), "slack": ()}


@dataclass(frozen=True, slots=True)
class Target:
    """One file to import: with its name in an archive, if it is in one."""

    path: Path
    format: str
    member: str | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"


@dataclass(slots=True)
class Plan:
    """What is to be done with the files of a folder or an archive.

    Attributes:
        kind: ``folder`` or ``archive``.
        targets: the files to import.
        unknown: those that are in no known form, or are not looked at, each with why.
        failed: those that cannot be read, each with why not.
        left_out: how many files of archives are no texts, by reason.
    """

    kind: str
    targets: list[Target] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def single(self) -> Target | None:
        """The one file that an archive is of, beside what is not read: the archive is that file then."""
        return self.targets[0] if self.kind == "archive" and len(self.targets) == 1 and not self.failed else None

    def sort(self, name: str, error: MnemonError) -> None:
        """Sort in a file that is not to be imported."""
        (self.unknown if error.code in UNKNOWN else self.failed).append((name, error.message))

    def add(self, other: Plan) -> None:
        """Add what is in an archive."""
        self.targets += other.targets
        self.unknown += other.unknown
        self.failed += other.failed
        self.left_out += other.left_out


def plan_of(path: Path, name: str | None) -> Plan | None:
    """Return which files of a folder or an archive are to be imported; None where the path is one thing to import.

    Args:
        path: what is to be imported.
        name: the format of all its files, or None to find out each one's.

    Raises:
        Invalid: there is none of a known format; or the path cannot be read.
    """
    with reading(path):
        if is_pipe(path) or not path.exists():
            return None
        is_file = path.is_file()
    if is_file:
        plan = _archive(path, name) if zipfile.is_zipfile(path) else None
    elif _is_export(path, name):
        return None
    else:
        plan = Plan("folder")
        _walk(path, name, plan)
    if plan is None or plan.targets or plan.failed:
        return plan
    if name in _DIRECTORIES:
        return None  # the format itself says what it needs
    first = f" {plan.unknown[0][1]}" if plan.unknown else ""
    raise Invalid(
        f"{path} is {'a zip file' if is_file else 'a directory'} without a file of a known format.{first}"
        if name is None
        else f"{path} has no file of the format {name}.{first}",
        code="invalid.import.format",
        hint=f"The formats are {', '.join(formats())}.",
        path=str(path),
    )


def _archive(path: Path, name: str | None) -> Plan | None:
    """Return the files of an archive; None where it is an export as a whole, or holds none that could be one."""
    kind: type[Import] | None = None
    if name is not None:
        kind = find(name).load()
        if not issubclass(kind, WholeFile):
            return None
    else:
        try:
            detect(path)
        except MnemonError as error:
            if error.code != "invalid.import.format":
                return None
        else:
            return None
    seen = members(path, kind)
    if kind is None and not (seen.matches or seen.failed):
        return None
    others = {f"files of an archive that are no texts (`{end or 'no ending'}`)": n for end, n in seen.others.items()}
    return Plan(
        "archive",
        [Target(path, entry, member) for member, entry in seen.matches],
        [(f"{path}/{member}", why) for member, why in seen.unknown],
        [(f"{path}/{member}", why) for member, why in seen.failed],
        Counter(others),
    )


def _is_export(path: Path, name: str | None) -> bool:
    """Tell whether a directory is one export of a format that has directories."""
    if name is not None and name not in _DIRECTORIES:
        return False
    try:
        if name is None:
            return detect(path) in _DIRECTORIES
        find(name).load()(path)  # which refuses what it cannot read
    except MnemonError:
        return False
    return True


def _walk(folder: Path, name: str | None, plan: Plan) -> None:
    """Note each file below a folder, in order of names; nothing hidden, and no link is followed.

    Raises:
        Invalid: the folder cannot be read, or holds more files than are imported at once.
    """
    with reading(folder), os.scandir(folder) as entries:
        listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in listed:
        path = Path(entry.path)
        if len(plan.targets) + len(plan.unknown) + len(plan.failed) >= limits.MAX_ENTRIES:
            raise Invalid(
                f"{folder} is a directory with more than {limits.MAX_ENTRIES:,} files.",
                code=_TOO_MANY,
                hint="Import it folder by folder.",
            )
        try:
            with reading(path):
                is_folder, is_file = entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
            if is_folder and not _is_export(path, name):
                _walk(path, name, plan)
            elif is_folder:
                plan.targets.append(Target(path, name or detect(path)))
            elif is_file:
                _note(path, name, plan)
            else:
                reason = "a link, and links are not followed" if entry.is_symlink() else "no file"
                plan.unknown.append((str(path), f"It is {reason}."))
        except MnemonError as error:
            if error.code == _TOO_MANY:
                raise
            plan.sort(str(path), error)


_TOO_MANY = "invalid.import.files"


def _note(path: Path, name: str | None, plan: Plan) -> None:
    """Note one file, or the files of an archive.

    Raises:
        MnemonError: it is in no known form, or cannot be read.
    """
    is_zip = zipfile.is_zipfile(path)
    inner = _archive(path, name) if is_zip else None
    if inner is not None:
        plan.add(inner)
    elif name in _DIRECTORIES and not is_zip and not path.name.lower().endswith(_DIRECTORIES[name] or ("\0",)):
        plan.unknown.append((str(path), f"It is not in the format {name}: it needs {find(name).load().needs}."))
    else:
        plan.targets.append(Target(path, name or detect(path)))
