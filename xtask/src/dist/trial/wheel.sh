# pip install WHEEL, and a first message in Python.
. /opt/trial/common.sh

python3 -m venv /opt/env
. /opt/env/bin/activate
cd /opt/release
sh -euxc "$(cat /opt/trial/install/pip)"
cd /opt/trial/Python
meet "python3 listener.py & python3 client.py; wait" "Python is here
hello from Python"
tool treenail

# How long it takes, beside a wheel that has nothing in it.
mkdir /opt/empty
cd /opt/empty
python3 - <<'END'
import zipfile

info = "empty-1.dist-info"
files = {
    "empty.py": "",
    f"{info}/METADATA": "Metadata-Version: 2.1\nName: empty\nVersion: 1\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
with zipfile.ZipFile("empty-1-py3-none-any.whl", "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
END
python3 - /opt/release/treenail-*"$(uname -m)".whl empty-1-py3-none-any.whl <<'END'
import subprocess
import sys
import time

def seconds(wheel):
    start = time.monotonic()
    command = [sys.executable, "-m", "pip", "install", "-q", "--force-reinstall", wheel]
    subprocess.run(command, check=True)
    return time.monotonic() - start

pairs = [(seconds(sys.argv[1]), seconds(sys.argv[2])) for _ in range(3)]
ours, empty = (min(pair[which] for pair in pairs) for which in (0, 1))
print(f"pip install: {ours:.2f} s, an empty wheel {empty:.2f} s: {ours / empty:.2f} times")
assert ours <= 10 * empty, "it may take 10 times as long at most"
END
