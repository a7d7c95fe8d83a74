# The files for aarch64 under an emulator: the library of the tar.gz and of the wheel is one, and a
# C program talks by it.
. /opt/trial/common.sh

mkdir /opt/own
tar -xzf /opt/release/treenail-*-linux-aarch64.tar.gz -C /opt/own --strip-components=1
python3 - /opt/release/treenail-*aarch64.whl /opt/own/lib/libtreenail.so.0 <<'END'
import sys
import zipfile

wheel = zipfile.ZipFile(sys.argv[1])
with open(sys.argv[2], "rb") as library:
    assert wheel.read("treenail/libtreenail.so") == library.read(), "the wheel has another library"
END
run="qemu-aarch64-static -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=/opt/own/lib"
cd /opt/trial/C
meet "$run ./listener.aarch64 & $run ./client.aarch64; wait" "C is here
hello from C"
tool $run /opt/own/bin/treenail
