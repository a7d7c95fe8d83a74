//! `cargo xtask docs`: the guide and the references of all languages, as one site.

use crate::install::{self, Tool};
use crate::{python, shell};

const SITE: &str = "target/site";
const PAGES: &str = "target/site-pages";
const OWN: &str = "xtask/site";
/// What makes the guide, and the Python reference.
const PACKAGES: &str = "mkdocs==1.6.1 mkdocs-material==9.8.2 pdoc==16.0.0";

/// A reference that Doxygen makes.
struct Reference {
    name: &'static str,
    title: &'static str,
    /// What more it is told.
    settings: &'static str,
}

const DOXYGEN: [Reference; 3] = [
    Reference {
        name: "c",
        title: "treenail in C",
        settings: "INPUT=include/treenail.h\nOPTIMIZE_OUTPUT_FOR_C=YES\n\
                   FILTER_PATTERNS=*.h=\"python3 xtask/site/header.py\"\n\
                   PREDEFINED=TN_API= __attribute__(x)=",
    },
    Reference {
        name: "cpp",
        title: "treenail in C++",
        settings: "INPUT=bindings/cpp/treenail.hpp bindings/cpp/treenail",
    },
    Reference {
        name: "qt",
        title: "treenail in Qt",
        settings: "INPUT=bindings/qt/treenail/qt\nFILE_PATTERNS=*.hpp\nMACRO_EXPANSION=YES\n\
                   PREDEFINED=Q_OBJECT= QT_VERSION=0x060400 QT_VERSION_CHECK(a,b,c)=0",
    },
];

/// Builds the site, and fails on whatever a tool warns of, and on links that lead nowhere.
pub fn build() -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::Python, Tool::PythonVenv, Tool::Doxygen])?;
    let python = python::environment(&python::newest()?, "target/site-tools", PACKAGES)?;
    shell::run(&format!("'{python}' {OWN}/pages.py {PAGES}"))?;
    // Its theme tells of its successor otherwise, each time.
    let quiet = "NO_MKDOCS_2_WARNING=1";
    shell::run(&format!("{quiet} '{python}' -m mkdocs build -q --strict -f {OWN}/mkdocs.yml"))?;
    // Its links are right for a site at the top of a server alone.
    shell::run(&format!("rm {SITE}/404.html"))?;
    DOXYGEN.iter().try_for_each(doxygen)?;
    pdoc(&python)?;
    rustdoc()?;
    shell::run(&format!("'{python}' {OWN}/links.py {SITE}"))?;
    println!("the site is {SITE}/index.html; to search in it: python3 -m http.server -d {SITE}");
    Ok(())
}

fn doxygen(reference: &Reference) -> Result<(), String> {
    let Reference { name, title, settings } = reference;
    let (folder, file) = (format!("{SITE}/api/{name}"), format!("target/site-{name}.doxygen"));
    let text = format!(
        "@INCLUDE={OWN}/Doxyfile\nPROJECT_NAME=\"{title}\"\nOUTPUT_DIRECTORY={SITE}/api\n\
         HTML_OUTPUT={name}\n{settings}\n"
    );
    let root = shell::root();
    std::fs::create_dir_all(root.join(&folder)).map_err(|error| format!("{folder}: {error}"))?;
    std::fs::write(root.join(&file), text).map_err(|error| format!("{file}: {error}"))?;
    shell::run(&format!("doxygen {file}"))
}

/// pdoc imports the package, and so needs the library. It fails on nothing: what it warns of does.
fn pdoc(python: &str) -> Result<(), String> {
    shell::run("cargo build --quiet")?;
    let (out, said) = (format!("{SITE}/api/python"), "target/site-pdoc.said");
    let modules = "treenail treenail.aio treenail.connection treenail.shared_memory";
    shell::run(&format!(
        "PYTHONPATH=bindings/python TREENAIL_LIBRARY=\"$PWD/target/debug/libtreenail.so\" \
         '{python}' {OWN}/reference.py {out} {modules} 2>{said}; \
         done=$?; cat {said}; test $done = 0 && test ! -s {said}"
    ))
}

fn rustdoc() -> Result<(), String> {
    let guide = shell::root().join(OWN).join("guide.html");
    // The folder has what other builds have left, too.
    shell::run(&format!(
        "rm -rf target/doc && RUSTDOCFLAGS='-D warnings --html-before-content {}' \
         cargo doc --quiet --lib --no-deps --features tokio && cp -r target/doc {SITE}/api/rust",
        guide.display()
    ))?;
    // Some of its pages link to the top, where it makes none.
    let top = "<meta http-equiv=refresh content=\"0; url=treenail/index.html\">\n";
    let place = shell::root().join(SITE).join("api/rust/index.html");
    std::fs::write(&place, top).map_err(|error| format!("{}: {error}", place.display()))
}
