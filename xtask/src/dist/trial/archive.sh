# The tar.gz, by README's command and in a folder of one's own: pkg-config, CMake and Qt.
. /opt/trial/common.sh

cd /opt/release
sh -euxc "$(cat /opt/trial/install/tar)"
cd /opt/trial/C
cc listener.c -o listener $(pkg-config --cflags --libs treenail)
cc client.c -o client $(pkg-config --cflags --libs treenail)
meet "./listener & ./client; wait" "C is here
hello from C"
tool treenail

# The other place: whatever is found is found in it.
name=$(ls /opt/release/treenail-*-linux-"$(uname -m)".tar.gz)
cd /usr/local
rm -rf lib/libtreenail* lib/cmake/treenail* lib/pkgconfig/treenail.pc include/treenail* share/treenail
ldconfig
mkdir /opt/own
tar -xzf "$name" -C /opt/own --strip-components=1
cd /opt/trial/C
PKG_CONFIG_PATH=/opt/own/lib/pkgconfig pkg-config --modversion treenail
cat > CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(first C CXX)
find_package(treenail REQUIRED)
add_executable(listener listener.c)
target_link_libraries(listener PRIVATE treenail::treenail)
add_executable(client client.c)
target_link_libraries(client PRIVATE treenail::treenail_static)
END
export CMAKE_PREFIX_PATH=/opt/own
quiet "cmake -B build && cmake --build build"
meet "build/listener & build/client; wait" "C is here
hello from C"
# The other Qt than that of README's commands, where there is one.
cd /opt/trial/readme
if ls /usr/lib/*/cmake/Qt5Network > /dev/null 2>&1; then
    sed -i 's/Qt6/Qt5/' CMakeLists.txt
fi
quiet "cmake -B own && cmake --build own"
meet "own/hello 2>&1 & ../C/build/client; wait" "C is here
hello from Qt"
tool /opt/own/bin/treenail
