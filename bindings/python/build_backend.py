"""Builds the package by PEP 517: a wheel that holds the shared library, and a source archive.

The library is built by cargo, from the project around this directory, or from the copy of it that a
source archive has. Standard modules only, so that nothing is downloaded to build a wheel.

Settings (`pip wheel -C KEY=VALUE`), for wheels of what is built already:
    library   the path of libtreenail.so, which cargo then doesn't build
    platform  the platforms that it runs on, as a wheel's name has them
    program   the path of the program treenail, which the wheel then has too
"""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
COPY = HERE / "rust"  # in a source archive
CRATE = COPY if COPY.is_dir() else HERE.parent.parent
LICENSES = ["LICENSE-MIT", "LICENSE-APACHE"]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Builds the wheel: its file name."""
    settings = config_settings or {}
    name = f"treenail-{version()}"
    this = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    platforms = settings.get("platform", this)
    tag = f"py3-none-{platforms}"
    tags = "".join(f"Tag: py3-none-{platform}\n" for platform in platforms.split("."))
    wheel = f"Wheel-Version: 1.0\nGenerator: treenail\nRoot-Is-Purelib: false\n{tags}"
    files = {f"treenail/{path.name}": path.read_bytes() for path in package()}
    files["treenail/libtreenail.so"] = Path(settings.get("library") or library()).read_bytes()
    program = f"{name}.data/scripts/treenail"
    if "program" in settings:
        files[program] = Path(settings["program"]).read_bytes()
    files[f"{name}.dist-info/METADATA"] = metadata().encode()
    files[f"{name}.dist-info/WHEEL"] = wheel.encode()
    for license in LICENSES:
        files[f"{name}.dist-info/licenses/{license}"] = (CRATE / license).read_bytes()
    record = f"{name}.dist-info/RECORD"
    lines = [f"{path},sha256={digest(data)},{len(data)}" for path, data in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    result = f"{name}-{tag}.whl"
    with zipfile.ZipFile(Path(wheel_directory) / result, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path)  # of 1980: the same sources give the same wheel
            runs = path.endswith(".so") or path == program
            # With the type of a regular file: only then pip lets a program run.
            info.external_attr = (0o100755 if runs else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return result


def build_sdist(sdist_directory, config_settings=None):
    """Builds the source archive: its file name."""
    name = f"treenail-{version()}"
    files = {f"treenail/{path.name}": path for path in package()}
    files.update({own: HERE / own for own in ("pyproject.toml", "build_backend.py", "README.md")})
    places = ["Cargo.lock", "build.rs", "include/treenail.h", *LICENSES]
    sources = [path for path in (CRATE / "src").rglob("*") if path.suffix in (".rs", ".md")]
    places += [str(path.relative_to(CRATE)) for path in sorted(sources)]
    files.update({f"rust/{place}": CRATE / place for place in places})
    texts = {path: file.read_bytes() for path, file in files.items()}
    # The members of the workspace stay at home.
    manifest = (CRATE / "Cargo.toml").read_text()
    texts["rust/Cargo.toml"] = re.sub(r"(?m)^(members|exclude) = .*\n", "", manifest).encode()
    texts["PKG-INFO"] = metadata().encode()
    result = f"{name}.tar.gz"
    with tarfile.open(Path(sdist_directory) / result, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path, data in texts.items():
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return result


def package():
    """The files of the package."""
    return sorted([*(HERE / "treenail").glob("*.py"), HERE / "treenail" / "py.typed"])


def version():
    """The version, which Cargo.toml says for all."""
    manifest = (CRATE / "Cargo.toml").read_text()
    return re.search(r'(?ms)^\[package\].*?^version = "([^"]+)"', manifest).group(1)


def metadata():
    """What a package index would show."""
    head = [
        "Metadata-Version: 2.1",
        "Name: treenail",
        f"Version: {version()}",
        "Summary: Message channels between programs on one machine, over shared memory and sockets",
        "License: MIT OR Apache-2.0",
        "Keywords: ipc,shared-memory,messaging,asyncio",
        "Classifier: Operating System :: POSIX :: Linux",
        "Classifier: Programming Language :: Python :: 3",
        "Classifier: Typing :: Typed",
        "Requires-Python: >=3.9",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join([*head, "", (HERE / "README.md").read_text()])


def digest(data):
    """A hash as RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def library():
    """Builds the shared library: its path, as cargo says."""
    cargo = shutil.which("cargo") or shutil.which("cargo", path=os.path.expanduser("~/.cargo/bin"))
    if not cargo:
        sys.exit("cargo is missing, which builds the library: see https://rustup.rs")
    command = [cargo, "build", "--release", "--lib", "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=CRATE, stdout=subprocess.PIPE, check=True).stdout
    for line in output.splitlines():
        message = json.loads(line)
        for file in message.get("filenames", []):
            if os.path.basename(file) == "libtreenail.so":
                return Path(file)
    sys.exit("cargo built no libtreenail.so")
