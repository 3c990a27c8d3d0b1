"""Checks the executable of the function and packs it: the same bytes in, the same zip out.

usage: pack.py EXECUTABLE ARCH ZIP
"""

import re
import sys
import zipfile
from pathlib import Path

# The C library of Amazon Linux 2023 is 2.34.
NEWEST_GLIBC = 34
MACHINES = {"x86_64": 62, "arm64": 183}
SMALLEST_DATE = (1980, 1, 1, 0, 0, 0)
EXECUTABLE = 0o100755


def check(executable: bytes, arch: str) -> int:
    """The newest 2.N of the C library that the executable asks for."""
    if executable[:4] != b"\x7fELF":
        sys.exit("error: the executable is no ELF file: build it with 'make package'")
    machine = int.from_bytes(executable[18:20], "little")
    if machine != MACHINES[arch]:
        sys.exit(f"error: the executable is for machine {machine}, not for {arch} ({MACHINES[arch]})")
    wanted = {int(minor) for minor in re.findall(rb"GLIBC_2\.([0-9]+)", executable)}
    newest = max(wanted, default=0)
    if newest > NEWEST_GLIBC:
        sys.exit(
            f"error: the executable asks for GLIBC_2.{newest}, Amazon Linux 2023 has 2.{NEWEST_GLIBC}: "
            "build it with 'make package', which links with zig"
        )
    return newest


def pack(executable: bytes, archive: Path) -> None:
    """A zip with nothing but the executable, which replaces the former one only once it is complete."""
    entry = zipfile.ZipInfo("bootstrap", SMALLEST_DATE)
    entry.create_system = 3  # Unix, so that the mode counts.
    entry.external_attr = EXECUTABLE << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(".unfinished")
    with zipfile.ZipFile(unfinished, "w") as zip_file:
        zip_file.writestr(entry, executable, compresslevel=9)
    unfinished.replace(archive)


def main() -> None:
    executable, arch, archive = Path(sys.argv[1]).read_bytes(), sys.argv[2], Path(sys.argv[3])
    newest = check(executable, arch)
    pack(executable, archive)
    print(
        f"{archive}: {archive.stat().st_size:,} bytes, bootstrap for {arch}: {len(executable):,} bytes, "
        f"asks for GLIBC_2.{newest} at most"
    )


main()
