"""The wheel and the source archive, and what type checkers say of them."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

import treenail

SOURCE = ROOT / "bindings" / "python"
MYPY = str(ROOT / "target" / "mypy")  # where it keeps what it knows
PROGRAM = """
import sys, threading, treenail
assert treenail.__file__.startswith(sys.prefix), treenail.__file__
assert treenail._abi.library._name.startswith(sys.prefix), treenail._abi.library._name
from treenail import aio
with treenail.Listener(sys.argv[1]) as listener:
    client = threading.Thread(target=lambda: treenail.connect(sys.argv[1], timeout=10).send(b"it works"))
    client.start()
    with listener.accept(timeout=10) as channel:
        print(channel.recv(timeout=10).decode(), treenail.__version__)
    client.join()
"""


def needs_cargo():
    home = os.path.expanduser("~/.cargo/bin")
    if not shutil.which("cargo") and not shutil.which("cargo", path=home):
        pytest.skip("there is no cargo to build the library with")


def run(*command, **options):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=1200, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments, **options):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    return run(*pip, *arguments, **options)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """What `pip install` builds, without any index to download from."""
    needs_cargo()
    place = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-deps", "--wheel-dir", place, SOURCE)
    (built,) = place.iterdir()
    return built


def used_away_from_all(wheel, place):
    """Installs it into a fresh environment and uses it, without Rust and the source tree."""
    run(sys.executable, "-m", "venv", "--without-pip", place / "venv")
    python = place / "venv" / "bin" / "python"
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    pip("install", "--no-index", "--no-deps", "--target", packages, wheel)
    bare = {"PATH": "/nonexistent", "TREENAIL_DIR": str(place)}
    command = (python, "-c", PROGRAM, "shm:wheel")
    return run(*command, cwd=place, env=bare)


def test_the_wheel_works_away_from_the_source_tree(wheel, tmp_path):
    assert used_away_from_all(wheel, tmp_path) == f"it works {treenail.__version__}\n"


def test_the_wheel_says_what_it_is(wheel):
    version, machine = treenail.__version__, platform.machine()
    assert wheel.name == f"treenail-{version}-py3-none-linux_{machine}.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        modules = {f"treenail/{path.name}" for path in (SOURCE / "treenail").glob("*.py")}
        assert modules | {"treenail/py.typed", "treenail/libtreenail.so"} <= names
        metadata = archive.read(f"treenail-{version}.dist-info/METADATA").decode()
        assert f"\nVersion: {version}\n" in metadata and "\nRequires-Python: >=3.9\n" in metadata
        assert "Requires-Dist" not in metadata
        record = archive.read(f"treenail-{version}.dist-info/RECORD").decode()
        assert {line.split(",")[0] for line in record.splitlines()} == names


def test_the_source_archive_holds_all_that_a_wheel_takes(tmp_path):
    needs_cargo()
    program = "import build_backend, sys; print(build_backend.build_sdist(sys.argv[1]))"
    name = run(sys.executable, "-c", program, tmp_path, cwd=SOURCE).strip()
    with tarfile.open(tmp_path / name) as archive:
        archive.extraction_filter = lambda member, _: member
        archive.extractall(tmp_path)
    unpacked = tmp_path / name[: -len(".tar.gz")]
    assert (unpacked / "PKG-INFO").is_file()
    # The same target directory, so that dependencies aren't compiled again.
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target" / "sdist"))
    environment = {**os.environ, "CARGO_TARGET_DIR": target}
    out = tmp_path / "out"
    pip("wheel", "--no-index", "--no-deps", "--wheel-dir", out, unpacked, env=environment)
    (built,) = out.iterdir()
    assert used_away_from_all(built, tmp_path) == f"it works {treenail.__version__}\n"


def public():
    """What is public: objects by their names, and those of classes."""
    from treenail import aio, connection

    for module in (treenail, aio, connection):
        for name in module.__all__:
            owner = getattr(module, name)
            yield name, owner
            bases = owner.__mro__ if isinstance(owner, type) else ()
            for base in bases:
                if base.__module__.startswith("treenail"):
                    for member, value in vars(base).items():
                        if not member.startswith("_"):
                            yield member, value


def test_all_that_is_public_is_documented():
    undocumented = [name for name, one in public() if callable(one) and not one.__doc__]
    assert undocumented == []


def test_a_program_can_make_every_call():
    """The ones that the type checkers look at; no name is missing there."""
    programs = [*(ROOT / "tests" / "languages" / "python").glob("typed*.py")]
    used = set(re.findall(r"\w+", "".join(program.read_text() for program in programs)))
    of_the_abi = {"reserved", "struct_size"}
    assert {name for name, _ in public()} - used == of_the_abi
    path = str(Path(treenail.__file__).parents[1])
    for program in programs:
        run(sys.executable, program, env={**os.environ, "PYTHONPATH": path})


def test_the_types_are_right():
    pytest.importorskip("mypy")
    run(sys.executable, "-m", "mypy", "--strict", "--cache-dir", MYPY, cwd=SOURCE)


def test_the_types_are_wrong_where_they_should_be(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "wrong.py"
    program.write_text(
        "import treenail\ntreenail.connect(5)\nchannel = treenail.connect('')\n"
        "channel.recv().tag\nchannel.send(b'', 7)\nchannel.recv(1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", MYPY, program],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(Path(treenail.__file__).parents[1])},
    )  # fmt: skip
    assert done.stdout.count("error:") == 4, done.stdout
