//! The texts of the Debian packages. In braces stands what is filled in.

pub const CONTROL: &str = "\
Package: {name}
Source: treenail
Version: {version}
Maintainer: The treenail developers <treenail@packages.invalid>
Installed-Size: {size}
Priority: optional
";

pub const RUNTIME: &str = "\
Architecture: {architecture}
Multi-Arch: same
Section: libs
Depends: libc6 (>= 2.17)
Description: message channels between programs on one machine
 treenail joins programs of one machine, whichever of C, C++, Qt, Python and
 Rust each is written in. Channels carry whole messages through shared memory
 or local sockets; segments are named shared memory with a lock, semaphores
 named counts of units. If a program dies, its peers are told.
 .
 This package has the shared library.
";

pub const DEVELOPMENT: &str = "\
Architecture: {architecture}
Multi-Arch: same
Section: libdevel
Depends: libtreenail0 (= {version}), libc6-dev
Suggests: pkg-config, cmake, qt6-base-dev | qtbase5-dev
Description: message channels between programs on one machine - for developers
 treenail joins programs of one machine, whichever of C, C++, Qt, Python and
 Rust each is written in.
 .
 This package has the headers for C and C++, the static library, what CMake and
 pkg-config need to find them, and the Qt classes, which a project compiles for
 its own Qt.
";

pub const TOOL: &str = "\
Architecture: {architecture}
Section: utils
Depends: libc6 (>= 2.17)
Description: message channels between programs on one machine - program
 treenail joins programs of one machine, whichever of C, C++, Qt, Python and
 Rust each is written in.
 .
 This package has the program treenail, which lists channels, segments and
 semaphores, looks into them, and sends, receives and measures.
";

pub const PYTHON: &str = "\
Architecture: all
Section: python
Depends: python3:any (>= 3.9), libtreenail0 (>= {version})
Description: message channels between programs on one machine - Python
 treenail joins programs of one machine, whichever of C, C++, Qt, Python and
 Rust each is written in.
 .
 This package has the module treenail for Python, also for asyncio.
";

pub const DEBUG: &str = "\
Architecture: {architecture}
Multi-Arch: same
Section: debug
Auto-Built-Package: debug-symbols
Build-Ids: {id}
Depends: libtreenail0 (= {version})
Description: debug symbols for libtreenail0
";

pub const CHANGELOG: &str = "\
treenail ({version}) unstable; urgency=medium

  * Release. What changed is in changelog.gz.

 -- The treenail developers <treenail@packages.invalid>  {date}
";

pub const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: treenail

Files: *
Copyright: 2026 The treenail developers
License: Expat or Apache-2.0

License: Expat
 Permission is hereby granted, free of charge, to any person obtaining a copy of
 this software and associated documentation files (the \"Software\"), to deal in
 the Software without restriction, including without limitation the rights to
 use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of
 the Software, and to permit persons to whom the Software is furnished to do so,
 subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be included in all
 copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS
 FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
 COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN
 AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
 WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

License: Apache-2.0
 On Debian systems the whole text of the Apache License, Version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
";

/// postinst and prerm of the Python package, as Debian's helper writes them.
pub const COMPILE: &str = "\
#!/bin/sh
set -e
if command -v py3compile > /dev/null 2>&1; then
    py3compile -p python3-treenail
fi
";

pub const CLEAN: &str = "\
#!/bin/sh
set -e
if command -v py3clean > /dev/null 2>&1; then
    py3clean -p python3-treenail
fi
";
