//! Debian packages: trees of files with a control file each, which dpkg-deb packs.

use super::library::{Built, has_tool};
use super::{DIST, WORK, prefix, source_date, version, write};
use crate::shell;

mod texts;

/// The revision of the packages of one version.
const REVISION: &str = "1";

struct Package<'a> {
    built: &'a Built,
    name: &'static str,
    /// The fields of the control file after those that all have.
    fields: String,
    /// Files of the prefix that /usr has, or shell patterns of them.
    files: Vec<String>,
}

/// The version as Debian has it.
fn full_version() -> Result<String, String> {
    Ok(format!("{}-{REVISION}", version()?))
}

/// The name of a package's file.
pub fn file(name: &str, architecture: &str) -> Result<String, String> {
    Ok(format!("{name}_{}_{architecture}.deb", full_version()?))
}

pub fn make(built: &Built) -> Result<(), String> {
    let libdir = format!("lib/{}", built.arch.gnu);
    let prefix = prefix::install(built, &libdir)?;
    pack(&runtime(built, &libdir)?, &prefix)?;
    pack(&development(built, &libdir)?, &prefix)?;
    pack_debug(built)?;
    if has_tool() {
        pack(&tool(built), &prefix)?;
    }
    if built.arch.is_here() {
        pack_python(built)?;
    }
    Ok(())
}

fn runtime<'a>(built: &'a Built, libdir: &str) -> Result<Package<'a>, String> {
    let fields = texts::RUNTIME.to_owned();
    Ok(Package { built, name: "libtreenail0", fields, files: prefix::runtime(libdir)? })
}

fn development<'a>(built: &'a Built, libdir: &str) -> Result<Package<'a>, String> {
    let fields = texts::DEVELOPMENT.replace("{version}", &full_version()?);
    Ok(Package { built, name: "libtreenail-dev", fields, files: prefix::development(libdir) })
}

fn tool(built: &Built) -> Package<'_> {
    let files = ["bin", "share/man", "share/bash-completion", "share/zsh", "share/fish"];
    let files = files.map(str::to_owned).to_vec();
    Package { built, name: "treenail", fields: texts::TOOL.to_owned(), files }
}

/// The Python package is the same on every processor: it loads the library of the system.
fn pack_python(built: &Built) -> Result<(), String> {
    let fields = texts::PYTHON.replace("{version}", &full_version()?);
    let name = "python3-treenail";
    let package = Package { built, name, fields, files: Vec::new() };
    let root = package.root();
    let place = format!("{root}/usr/lib/python3/dist-packages");
    let info = format!("{place}/treenail-{}.dist-info", version()?);
    shell::run(&format!(
        "rm -rf {root} && mkdir -p {place}/treenail {info} {root}/DEBIAN && \
         cp bindings/python/treenail/*.py bindings/python/treenail/py.typed {place}/treenail/ && \
         PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=bindings/python python3 -c \
         'import build_backend; print(build_backend.metadata())' > {info}/METADATA && \
         echo dpkg > {info}/INSTALLER"
    ))?;
    for (script, text) in [("postinst", texts::COMPILE), ("prerm", texts::CLEAN)] {
        write(&format!("{root}/DEBIAN/{script}"), text)?;
        shell::run(&format!("chmod 755 {root}/DEBIAN/{script}"))?;
    }
    finish(&package)
}

/// The debug information, in the form that Debian's own tools give it.
fn pack_debug(built: &Built) -> Result<(), String> {
    let id = built.build_id()?;
    let fields = texts::DEBUG.replace("{version}", &full_version()?).replace("{id}", &id);
    let package = Package { built, name: "libtreenail0-dbgsym", fields, files: Vec::new() };
    let root = package.root();
    let (first, rest) = id.split_at(2);
    let place = format!("{root}/usr/lib/debug/.build-id/{first}");
    shell::run(&format!(
        "rm -rf {root} && mkdir -p {place} {root}/usr/share/doc && \
         install -m 644 {} {place}/{rest}.debug && \
         ln -s libtreenail0 {root}/usr/share/doc/libtreenail0-dbgsym",
        built.debug_file()?
    ))?;
    build(&package)
}

fn pack(package: &Package, prefix: &str) -> Result<(), String> {
    let root = package.root();
    shell::run(&format!("rm -rf {root} && mkdir -p {root}/usr"))?;
    let files = package.files.join(" ");
    shell::run(&format!("tar -C {prefix} -cf - {files} | tar -C {root}/usr -xf -"))?;
    finish(package)
}

/// Adds what Debian asks of every package, and packs it.
fn finish(package: &Package) -> Result<(), String> {
    let root = package.root();
    let docs = format!("{root}/usr/share/doc/{}", package.name);
    write(&format!("{docs}/copyright"), texts::COPYRIGHT)?;
    let date = shell::capture(&format!("LC_ALL=C date -u -R -d @{}", source_date()))?;
    let changes = texts::CHANGELOG.replace("{version}", &full_version()?).replace("{date}", &date);
    write(&format!("{docs}/changelog.Debian"), &changes)?;
    shell::run(&format!(
        "cp CHANGELOG.md {docs}/changelog && gzip -9n {docs}/changelog {docs}/changelog.Debian && \
         find {root}/usr/share/man -type f -exec gzip -9n {{}} + 2>/dev/null; true"
    ))?;
    if package.name == "libtreenail0" {
        write(&format!("{root}/DEBIAN/triggers"), "activate-noawait ldconfig\n")?;
        let at_least = version()?;
        let shlibs = format!("libtreenail 0 libtreenail0 (>= {at_least})\n");
        write(&format!("{root}/DEBIAN/shlibs"), &shlibs)?;
    }
    build(package)
}

fn build(package: &Package) -> Result<(), String> {
    let Package { built, name, fields, .. } = package;
    let root = package.root();
    let architecture = if fields.contains("Architecture: all") {
        "all".to_owned()
    } else {
        built.arch.debian.to_owned()
    };
    let control =
        texts::CONTROL.replace("{name}", name).replace("{version}", &full_version()?).replace(
            "{size}",
            &shell::capture(&format!("du -sk --apparent-size {root}/usr | cut -f1"))?,
        );
    let control = format!("{control}{}", fields.replace("{architecture}", built.arch.debian));
    write(&format!("{root}/DEBIAN/control"), &control)?;
    shell::run(&format!(
        "cd {root} && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums && \
         find . -type d -exec chmod 755 {{}} + && find usr -type f -not -perm -111 -exec chmod 644 {{}} +"
    ))?;
    shell::run(&format!(
        "SOURCE_DATE_EPOCH={} dpkg-deb --root-owner-group -Zxz --build {root} {DIST}/{}",
        source_date(),
        file(name, &architecture)?
    ))
}

impl Package<'_> {
    fn root(&self) -> String {
        format!("{WORK}/stage/{}/{}", self.built.arch.name, self.name)
    }
}

/// lintian, Debian's judge of packages: no errors.
pub fn check() -> Result<(), String> {
    shell::run(&format!("lintian --allow-root --fail-on error {DIST}/*.deb"))
}
