//! The folders that a prefix such as /usr has when everything is installed in it.

use super::library::{Built, has_tool};
use super::{WORK, version, write};
use crate::shell;

/// The source of the Qt classes, from the prefix.
const QT: &str = "share/treenail/qt";

/// Installs what was built below a folder of its own, with libraries in `libdir`: that folder.
pub fn install(built: &Built, libdir: &str) -> Result<String, String> {
    let label = libdir.replace('/', "-");
    let prefix = format!("{WORK}/stage/{}/{label}", built.arch.name);
    install_library(built, &prefix, libdir, &label)?;
    install_qt(&prefix, libdir)?;
    if has_tool() {
        install_tool(built, &prefix)?;
    }
    Ok(prefix)
}

fn install_library(built: &Built, prefix: &str, libdir: &str, label: &str) -> Result<(), String> {
    let build = format!("{WORK}/{}/cmake-{label}", built.arch.name);
    shell::run(&format!(
        "cmake -S bindings/cpp -B {build} -DTREENAIL_BUILT=\"$PWD/{}\" \
         -DCMAKE_INSTALL_PREFIX=\"$PWD/{prefix}\" -DCMAKE_INSTALL_LIBDIR={libdir} > {build}.log && \
         cmake --build {build} >> {build}.log && cmake --install {build} >> {build}.log",
        built.folder
    ))
}

fn install_qt(prefix: &str, libdir: &str) -> Result<(), String> {
    let package = format!("{prefix}/{libdir}/cmake/treenail-qt");
    let template = shell::root().join("bindings/qt/cmake/treenail-qtSourceConfig.cmake");
    let template = std::fs::read_to_string(&template)
        .map_err(|error| format!("{}: {error}", template.display()))?;
    let up = "../".repeat(libdir.split('/').count() + 2);
    write(
        &format!("{package}/treenail-qtConfig.cmake"),
        &template.replace("@source@", &format!("{up}{QT}")),
    )?;
    shell::run(&format!(
        "cp bindings/qt/cmake/treenail-qtFindQt.cmake {package}/ && \
         cp {prefix}/{libdir}/cmake/treenail/treenailConfigVersion.cmake \
            {package}/treenail-qtConfigVersion.cmake && \
         mkdir -p {prefix}/{QT}/treenail/qt && \
         cp bindings/qt/treenail/qt/*.hpp bindings/qt/treenail/qt/*.cpp {prefix}/{QT}/treenail/qt/"
    ))
}

/// The tool, with its manual and completions: they are the same on every processor, so the tool
/// of this machine writes them.
fn install_tool(built: &Built, prefix: &str) -> Result<(), String> {
    let tool = format!("{WORK}/{}/treenail", std::env::consts::ARCH);
    let share = format!("{prefix}/share");
    shell::run(&format!(
        "mkdir -p {prefix}/bin {share}/man/man1 {share}/bash-completion/completions \
         {share}/zsh/vendor-completions {share}/fish/vendor_completions.d && \
         install -m 755 {}/treenail {prefix}/bin/treenail && \
         {tool} completions bash > {share}/bash-completion/completions/treenail && \
         {tool} completions zsh > {share}/zsh/vendor-completions/_treenail && \
         {tool} completions fish > {share}/fish/vendor_completions.d/treenail.fish && \
         {tool} man --dir {share}/man/man1",
        built.folder
    ))
}

/// The files that only those need who compile programs, from a prefix.
pub fn development(libdir: &str) -> Vec<String> {
    let of_libdir = ["cmake", "pkgconfig", "libtreenail.so", "libtreenail.a"];
    let mut all: Vec<String> = of_libdir.iter().map(|name| format!("{libdir}/{name}")).collect();
    all.extend(["include".to_owned(), QT.to_owned()]);
    all
}

/// The libraries that programs load, from a prefix.
pub fn runtime(libdir: &str) -> Result<Vec<String>, String> {
    let soname = super::library::soname()?;
    Ok(vec![format!("{libdir}/libtreenail.so.{}", version()?), format!("{libdir}/{soname}")])
}
