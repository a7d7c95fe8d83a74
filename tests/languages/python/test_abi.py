"""The declarations say what include/treenail.h says."""

import ctypes
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from treenail import _abi

HEADER = (ROOT / "include" / "treenail.h").read_text()
CODE = re.sub(r"/\*.*?\*/", "", HEADER.replace("\\\n", " "), flags=re.S)
CODE = re.sub(r"(?m)^#.*", "", CODE)

NUMBERS = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "tn_status": ctypes.c_int32,
    "tn_fd": ctypes.c_int,
}
HANDLES = ["tn_channel", "tn_listener", "tn_poller", "tn_segment", "tn_semaphore"]
STRUCTURES = ["tn_peer", "tn_stats", "tn_listener_stats", "tn_slice", "tn_loan", "tn_message"]


def type_of(text):
    """What ctypes has for a type of C."""
    words = text.replace("const ", "").replace("struct ", "").replace("*", " * ").split()
    name, stars = words[0], words.count("*")
    if name == "void":
        return [None, ctypes.c_void_p][stars]
    if name == "char" and stars == 1:
        return ctypes.c_char_p
    if name in HANDLES:
        return [None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)][stars]
    base = getattr(_abi, name) if name in STRUCTURES else NUMBERS[name]
    return [base, ctypes.POINTER(base)][stars] if stars else base


def functions():
    found = re.findall(r"^([\w *]+?)\b(tn_\w+)\(([^)]*)\);", CODE, flags=re.M)
    for result, name, parameters in found:
        kinds = [re.sub(r"\w+$", "", one.strip()) for one in parameters.split(",")]
        kinds = [] if parameters.strip() == "void" else kinds
        yield name, type_of(result), [type_of(kind) for kind in kinds]


FUNCTIONS = {name: (result, parameters) for name, result, parameters in functions()}


def test_the_header_was_understood():
    assert set(re.findall(r"\b(tn_\w+)\(", CODE)) == set(FUNCTIONS)
    assert FUNCTIONS["tn_channel_sendv"] == (
        ctypes.c_int32,
        [
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.POINTER(_abi.tn_slice),
            ctypes.c_size_t,
            ctypes.c_int32,
        ],
    )


def test_every_function_is_declared_and_no_other():
    assert set(_abi.FUNCTIONS) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_types_of_the_header(name):
    result, parameters = FUNCTIONS[name]
    function = getattr(_abi.library, name)
    assert function.restype == result
    assert list(function.argtypes) == parameters


def test_the_library_exports_what_is_declared():
    output = subprocess.run(
        [sys.executable, "-c", "import treenail._abi as a; print(a.library._name)"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert all(hasattr(ctypes.CDLL(output), name) for name in FUNCTIONS)


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_has_the_fields_of_the_header(name):
    body = re.search(rf"struct {name} \{{(.*?)\}}", CODE, flags=re.S).group(1)
    expected = []
    for kind, field, count in re.findall(r"([\w *]+?)(\w+)(?:\[(\d+)\])?;", body):
        # void and char pointers differ in nothing, but what ctypes makes of them.
        base = ctypes.c_char if kind.strip() == "char" else type_of(kind)
        expected.append((field, base * int(count) if count else base))
    assert getattr(_abi, name)._fields_ == expected


def test_every_constant_has_its_value():
    constants = dict(re.findall(r"\b(TN_\w+) = (-?\d+)", CODE))
    macros = re.findall(r"^#define (TN_(?!VERSION)\w+) \(?(-?\d+)", HEADER, flags=re.M)
    constants.update(macros)
    declared = {name: value for name, value in vars(_abi).items() if name.startswith("TN_")}
    assert declared == {name: int(value) for name, value in constants.items()}


def test_the_version_is_that_of_cargo_toml():
    manifest = (ROOT / "Cargo.toml").read_text()
    version = re.search(r'(?m)^version = "(.+)"', manifest).group(1)
    assert _abi.version() == version
    numbers = [int(number) for number in version.split(".")]
    assert _abi.library.tn_version() == numbers[0] << 16 | numbers[1] << 8 | numbers[2]
