"""Vendors browser libraries: `python web/vendor/fetch.py`. To move a version, edit PACKAGES and run it again.

`npm pack` brings the tarball from whatever registry npm is configured for; its SHA-256 must be the one below, so the
registry need not be trusted. The files kept, licences among them, are committed with their SHA256SUMS: neither the
service nor its users need npm or a CDN.
"""

import hashlib
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Package:
    """One npm package: the SHA-256 of its tarball, and which of its files we keep."""

    name: str
    version: str
    sha256: str
    files: tuple[str, ...]


PACKAGES = (
    Package(
        "swagger-ui-dist",
        "5.35.0",
        "1b8e891893404ea4c3558b6a87e2a3e494e7eedba41168c2ece5800a391a6ea6",
        ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"),
    ),
)


def fetch(package: Package) -> None:
    """Replace what we keep of a package; ValueError if the tarball is not the one that was reviewed."""
    target = HERE / package.name
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", f"{package.name}@{package.version}", "--silent"], cwd=folder, check=True)
        (tarball,) = Path(folder).glob("*.tgz")
        sha256 = hashlib.sha256(tarball.read_bytes()).hexdigest()
        if sha256 != package.sha256:
            raise ValueError(f"{package.name}@{package.version} has SHA-256 {sha256}")
        sums = []
        with tarfile.open(tarball) as archive:
            for name in package.files:
                member = archive.extractfile(f"package/{name}")
                if member is None:
                    raise ValueError(f"{name} is not a file of {package.name}")
                data = member.read()
                (target / name).write_bytes(data)
                sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    (target / "SHA256SUMS").write_text("".join(sums))
    (target / "VERSION").write_text(f"{package.name} {package.version}\n")


if __name__ == "__main__":
    for each in PACKAGES:
        fetch(each)
