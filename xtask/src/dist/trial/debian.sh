# The Debian packages, by README's commands: a first message in C, C++, Qt and Python.
. /opt/trial/common.sh

cd /opt/release
sh -euxc "$(cat /opt/trial/install/apt)"

cd /opt/trial/readme
sh -euxc "$(cat /opt/trial/install/cpp-build)"
meet "$(cat /opt/trial/install/cpp-run)" "Python is here
hello from C++"
quiet "$(cat /opt/trial/install/qt-build)"
meet "exec 2>&1; $(cat /opt/trial/install/qt-run)" "Python is here
hello from Qt"

cd /opt/trial/C
cc listener.c -o listener $(pkg-config --cflags --libs treenail)
cc client.c -o client $(pkg-config --cflags --libs treenail)
meet "./listener & ./client; wait" "C is here
hello from C"
cd /opt/trial/Python
meet "python3 listener.py & python3 client.py; wait" "Python is here
hello from Python"
tool treenail
if [ -f /opt/trial/has-tool ]; then
    test -s /usr/share/man/man1/treenail.1.gz
    test -s /usr/share/bash-completion/completions/treenail
fi

# gdb finds the debug information by the build's number.
dpkg -i /opt/release/libtreenail0-dbgsym_*"$(dpkg --print-architecture)".deb
id=$(readelf -n /usr/lib/*/libtreenail.so.0 | sed -n 's/.*Build ID: //p')
test -s "/usr/lib/debug/.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-).debug"

dpkg --purge treenail python3-treenail libtreenail-dev libtreenail0-dbgsym libtreenail0
left=$(find /usr -xdev -iname '*treenail*' | head -3)
test -z "$left" || { echo "dpkg leaves $left"; exit 1; }
