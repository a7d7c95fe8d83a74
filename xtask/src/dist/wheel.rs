//! Wheels for Python: by the package's own build backend, with a library that is built already.

use super::library::{Built, has_tool};
use super::{DIST, TOOLS, version};
use crate::shell;

/// The name of a wheel's file.
pub fn name(arch: &super::arch::Arch) -> Result<String, String> {
    Ok(format!("treenail-{}-py3-none-{}.whl", version()?, arch.wheel_tag()))
}

pub fn make(built: &Built) -> Result<(), String> {
    let Built { arch, folder } = built;
    let program =
        if has_tool() { format!(", 'program': '{folder}/treenail'") } else { String::new() };
    let settings = format!(
        "{{'library': '{folder}/libtreenail.so', 'platform': '{}'{program}}}",
        arch.wheel_tag()
    );
    shell::run(&format!(
        "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=bindings/python python3 -c \
         \"import build_backend; build_backend.build_wheel('{DIST}', {settings})\""
    ))?;
    audit(&format!("{DIST}/{}", name(arch)?), arch)
}

/// auditwheel looks whether the libraries in it need no more than the name says.
fn audit(wheel: &str, arch: &super::arch::Arch) -> Result<(), String> {
    let said = shell::capture(&format!("{TOOLS}/bin/auditwheel show {wheel}"))?;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let consistent = format!("consistent with the following platform tag: \"{}\"", plain(arch));
    if !said.contains(&consistent) {
        return Err(format!("auditwheel doesn't find {wheel} {consistent}, but says: {said}"));
    }
    println!("auditwheel: {wheel} is {consistent}");
    Ok(())
}

/// What auditwheel calls manylinux2014.
fn plain(arch: &super::arch::Arch) -> String {
    format!("manylinux_{}_{}", super::arch::GLIBC.replace('.', "_"), arch.name)
}
