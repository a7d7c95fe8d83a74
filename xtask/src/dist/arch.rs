//! The processors that there are packages for, by the names that each tool has for them.

pub struct Arch {
    /// As Linux, Python and the file names have it.
    pub name: &'static str,
    pub rust: &'static str,
    /// For zig: with the oldest glibc that the library is to load with.
    pub zig: &'static str,
    /// As Debian names folders of libraries, and the tools of binutils.
    pub gnu: &'static str,
    pub debian: &'static str,
}

/// The oldest glibc that the packages work with, which manylinux2014 stands for.
pub const GLIBC: &str = "2.17";

pub const ARCHES: [Arch; 2] = [
    Arch {
        name: "x86_64",
        rust: "x86_64-unknown-linux-gnu",
        zig: "x86_64-linux-gnu.2.17",
        gnu: "x86_64-linux-gnu",
        debian: "amd64",
    },
    Arch {
        name: "aarch64",
        rust: "aarch64-unknown-linux-gnu",
        zig: "aarch64-linux-gnu.2.17",
        gnu: "aarch64-linux-gnu",
        debian: "arm64",
    },
];

impl Arch {
    /// The platform that a wheel's name says.
    pub fn wheel_tag(&self) -> String {
        let glibc = GLIBC.replace('.', "_");
        format!("manylinux_{glibc}_{0}.manylinux2014_{0}", self.name)
    }

    /// Whether this machine runs its programs without an emulator.
    pub fn is_here(&self) -> bool {
        self.name == std::env::consts::ARCH
    }
}
