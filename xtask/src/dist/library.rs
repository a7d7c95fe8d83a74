//! Builds the libraries and the tool for one processor, for the oldest glibc that is supported.

use std::path::PathBuf;

use super::arch::Arch;
use super::{TOOLS, WORK, exports, version};
use crate::abi::header;
use crate::shell;

/// What the packages are made of, in one folder: `libtreenail.so` and `treenail` without debug
/// information, which is in `libtreenail.so.VERSION.debug`, and `libtreenail.a`.
pub struct Built {
    pub arch: &'static Arch,
    pub folder: String,
}

impl Built {
    pub fn debug_file(&self) -> Result<String, String> {
        Ok(format!("{}/libtreenail.so.{}.debug", self.folder, version()?))
    }

    /// The build's number, by which debuggers find the debug information.
    pub fn build_id(&self) -> Result<String, String> {
        let notes = shell::capture(&format!("readelf -n {}/libtreenail.so", self.folder))?;
        let id = notes.lines().find_map(|line| line.trim().strip_prefix("Build ID: "));
        id.map(str::to_owned).ok_or_else(|| "the library has no build ID".to_owned())
    }
}

pub fn build(arch: &'static Arch) -> Result<Built, String> {
    let folder = format!("{WORK}/{}", arch.name);
    shell::run(&format!("mkdir -p {folder}"))?;
    let built = Built { arch, folder };
    compile(&built)?;
    link(&built)?;
    strip(&built)?;
    check(&built)?;
    Ok(built)
}

/// The static library needs no linker, so cargo builds it for any processor. The tool is linked,
/// by zig, which has every glibc's symbols. No path of this machine stays in either.
fn compile(built: &Built) -> Result<(), String> {
    let Built { arch, folder } = built;
    let target = arch.rust;
    let environment = format!("PATH=\"$PWD/{TOOLS}/bin:$PATH\" {}", environment()?);
    shell::run(&format!(
        "{environment} cargo rustc --release --locked --lib --crate-type staticlib --target {target}"
    ))?;
    if has_tool() {
        shell::run(&format!(
            "{environment} cargo zigbuild --release --locked --package treenail-cli \
             --target {target}.{}",
            super::arch::GLIBC
        ))?;
        shell::run(&format!("cp target/{target}/release/treenail {folder}/treenail"))?;
    }
    shell::run(&format!("cp target/{target}/release/libtreenail.a {folder}/libtreenail.a"))
}

/// Whether the tool is among the members of the workspace.
pub fn has_tool() -> bool {
    shell::root().join("cli/Cargo.toml").exists()
}

fn environment() -> Result<String, String> {
    let root = shell::root();
    let home = std::env::var("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|_| std::env::var("HOME").map(|h| PathBuf::from(h).join(".cargo")));
    let home = home.map_err(|_| "neither CARGO_HOME nor HOME is set".to_owned())?;
    Ok(format!(
        "ZIG_GLOBAL_CACHE_DIR=\"$PWD/{WORK}/zig\" ZIG_LOCAL_CACHE_DIR=\"$PWD/{WORK}/zig\" \
         CARGO_ZIGBUILD_CACHE_DIR=\"$PWD/{WORK}/zigbuild\" \
         RUSTFLAGS='--remap-path-prefix={}=treenail --remap-path-prefix={}=cargo'",
        root.display(),
        home.display()
    ))
}

/// Makes the shared library of the static one. The flags of build.rs are here once more, as
/// rustc passes them to its own link step alone.
fn link(built: &Built) -> Result<(), String> {
    let Built { arch, folder } = built;
    let functions = header::functions(&header::read()?);
    let script = format!("{folder}/libtreenail.map");
    let path = shell::root().join(&script);
    std::fs::write(&path, exports::version_script(&functions))
        .map_err(|error| format!("{script}: {error}"))?;
    let wanted: String = functions.iter().map(|name| format!("-Wl,-u,{name} ")).collect();
    let arguments = format!(
        "-target {} -shared -o {folder}/linked.so {wanted} {folder}/libtreenail.a \
         -Wl,--version-script={script} -Wl,--gc-sections -Wl,--build-id=sha1 -Wl,-z,now \
         -Wl,-z,relro -Wl,-z,nodelete -Wl,-soname,{} -lunwind -lpthread -ldl -lc",
        arch.zig,
        soname()?
    );
    shell::run(&format!(
        "ZIG_GLOBAL_CACHE_DIR=\"$PWD/{WORK}/zig\" {TOOLS}/bin/python -m ziglang cc {arguments}"
    ))
}

/// The name by which programs load the library, as build.rs gives it.
pub fn soname() -> Result<String, String> {
    let version = version()?;
    let major = version.split('.').next().unwrap_or_default();
    Ok(format!("libtreenail.so.{major}"))
}

fn strip(built: &Built) -> Result<(), String> {
    let Built { arch, folder } = built;
    let (objcopy, debug) = (format!("{}-objcopy", arch.gnu), built.debug_file()?);
    shell::run(&format!(
        "{objcopy} --only-keep-debug --compress-debug-sections {folder}/linked.so {debug} && \
         chmod 644 {debug} && \
         {objcopy} --strip-unneeded --add-gnu-debuglink={debug} {folder}/linked.so \
         {folder}/libtreenail.so && chmod 644 {folder}/libtreenail.so && \
         {objcopy} --strip-debug {folder}/libtreenail.a && rm {folder}/linked.so"
    ))?;
    if has_tool() {
        shell::run(&format!("{objcopy} --strip-all {folder}/treenail"))?;
    }
    Ok(())
}

fn check(built: &Built) -> Result<(), String> {
    let file = format!("{}/libtreenail.so", built.folder);
    let functions = header::functions(&header::read()?);
    let said = shell::capture(&format!("{}-objdump -T {file}", built.arch.gnu))?;
    exports::check(&said, &functions).map_err(|error| format!("{file}: {error}"))?;
    println!("{file} exports {} functions with {}", functions.len(), exports::VERSION);
    Ok(())
}
