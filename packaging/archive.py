#!/usr/bin/env python3
"""archive.py ARCHIVE FOLDER: packs a folder, with its name, into a .tar.gz or a .zip.

The same files give the same bytes: names are sorted, times are SOURCE_DATE_EPOCH (seconds since 1970), owners are nobody.
"""

import gzip
import os
import sys
import tarfile
import time
import zipfile
from pathlib import Path


def pack(archive: Path, folder: Path) -> None:
    when = int(os.environ["SOURCE_DATE_EPOCH"])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
            for path in files:
                entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), time.gmtime(when)[:6])
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = path.stat().st_mode << 16
                out.writestr(entry, path.read_bytes())
        return
    with open(archive, "wb") as file, gzip.GzipFile("", "wb", mtime=when, fileobj=file) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as out:
            for path in files:
                entry = out.gettarinfo(path, path.relative_to(folder.parent).as_posix())
                entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = when, 0, 0, "", ""
                with open(path, "rb") as content:
                    out.addfile(entry, content)


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
