//! Who imports whom in src/: no file is in a circle, and no arrow between the modules at the top
//! points upwards. Tests beside the code, and models, may import what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules at the top, from bottom to top: a module imports from the floors below it.
const FLOORS: [&[&str]; 10] = [
    &["memory", "timeout"],
    &["os"],
    &["error", "endpoint", "log"],
    &["sync"],
    &["wire", "readiness", "ring"],
    &["object"],
    &["transport"],
    &["channel", "listener", "segment", "semaphore", "queue", "topic", "poller", "list"],
    &["aio"],
    &["ffi"],
];

/// What lib.rs itself holds, and what replaces code in the models: they are on no floor.
const WITHOUT_FLOOR: [&str; 2] = ["lib", "models"];

/// Whom each module imports, by their paths without `crate::`.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// All modules of src/ that have a file, with their text.
fn modules() -> BTreeMap<String, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut left: Vec<PathBuf> = vec![src.clone()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("directories can be read");
            left.extend(entries.map(|entry| entry.expect("entries can be read").path()));
            continue;
        }
        let inside = path.strip_prefix(&src).expect("it lies within").with_extension("");
        let parts: Vec<&str> = inside.iter().filter_map(|part| part.to_str()).collect();
        let parts = parts.strip_suffix(&["mod"]).unwrap_or(&parts);
        if !parts.contains(&"tests") {
            found.insert(parts.join("::"), fs::read_to_string(&path).expect("it is UTF-8"));
        }
    }
    found
}

/// The arrows between modules with these texts.
fn arrows(modules: &BTreeMap<String, String>) -> Arrows {
    let mut arrows = Arrows::new();
    for (module, text) in modules {
        let children = modules.keys().filter_map(|one| child_of(module, one));
        let starts = ["crate", "super", "self"].into_iter().chain(children);
        let code = without_tests_and_comments(text);
        let paths = starts.flat_map(|start| paths(&code, start));
        let targets = paths.filter_map(|path| target(modules, module, &path));
        arrows.insert(module.clone(), targets.filter(|one| one != module).collect());
    }
    arrows
}

fn without_tests_and_comments(text: &str) -> String {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code = code.collect::<Vec<_>>().join("\n");
    match code.find("\nmod tests {") {
        Some(end) => code[..end].to_owned(),
        None => code,
    }
}

/// The name of `other`, if it is a module within `module`.
fn child_of<'a>(module: &str, other: &'a str) -> Option<&'a str> {
    let name = other.strip_prefix(module)?.strip_prefix("::")?;
    (!name.contains("::")).then_some(name)
}

/// All paths that begin with `start`, those in braces one by one.
fn paths(code: &str, start: &str) -> Vec<String> {
    let is_inside = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$';
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&format!("{start}::")) {
        if !code[..at].ends_with(is_inside) {
            add_tree(&code[at..], "", &mut found);
        }
    }
    found
}

/// Adds the paths of one tree such as `a::{b, c::d}`, each behind `before`; what follows it.
fn add_tree<'a>(code: &'a str, before: &str, found: &mut Vec<String>) -> &'a str {
    let code = code.trim_start();
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let (path, rest) = code.split_at(code.find(|c| !is_name(c)).unwrap_or(code.len()));
    let whole = format!("{before}{path}");
    let Some(mut inner) = rest.strip_prefix('{').filter(|_| path.ends_with("::")) else {
        found.push(whole);
        return rest;
    };
    loop {
        inner = inner.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if let Some(rest) = inner.strip_prefix('}') {
            return rest;
        }
        let left = add_tree(inner, &whole, found);
        assert!(left.len() < inner.len(), "{inner:.40} is no list of paths");
        inner = left;
    }
}

/// The module of those with a file that a path in `module` leads to.
fn target(modules: &BTreeMap<String, String>, module: &str, path: &str) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").collect();
    let mut parts = path.split("::").filter(|part| !part.is_empty()).peekable();
    if parts.next_if_eq(&"crate").is_some() {
        base.clear();
    }
    while let Some(step) = parts.next_if(|part| matches!(*part, "self" | "super")) {
        if step == "super" {
            base.pop();
        }
    }
    base.extend(parts);
    (1..=base.len()).rev().map(|len| base[..len].join("::")).find(|one| modules.contains_key(one))
}

/// A circle of arrows, if there is one: the modules on it, in order.
fn circle(arrows: &Arrows) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|start| circle_behind(arrows, start, &mut Vec::new(), &mut done))
}

fn circle_behind(
    arrows: &Arrows,
    module: &str,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(at) = way.iter().position(|one| one == module) {
        return Some(way[at..].to_vec());
    }
    if done.contains(module) {
        return None;
    }
    way.push(module.to_owned());
    let targets = arrows.get(module).into_iter().flatten();
    let found = targets.into_iter().find_map(|next| circle_behind(arrows, next, way, done));
    way.pop();
    done.insert(module.to_owned());
    found
}

fn floor_of(module: &str) -> usize {
    let top = module.split("::").next().unwrap_or_default();
    FLOORS.iter().position(|floor| floor.contains(&top)).unwrap_or_else(|| {
        panic!("`{top}` has no floor in the house: give it one here and in docs/design.md")
    })
}

fn has_floor(module: &str) -> bool {
    !WITHOUT_FLOOR.contains(&module.split("::").next().unwrap_or_default())
}

#[test]
fn no_files_import_each_other() {
    let mut arrows = arrows(&modules());
    arrows.retain(|module, _| has_floor(module));
    assert_eq!(circle(&arrows), None, "each of these imports the next, and the last the first");
}

#[test]
fn imports_go_downwards_only() {
    let mut complaints = Vec::new();
    for (module, targets) in arrows(&modules()).iter().filter(|(module, _)| has_floor(module)) {
        let upwards = |target: &&String| {
            has_floor(target) && floor_of(target) > floor_of(module) && *target != "lib"
        };
        complaints.extend(targets.iter().filter(upwards).map(|one| format!("{module} -> {one}")));
    }
    assert!(complaints.is_empty(), "imports that go upwards: {complaints:#?}");
}

/// What would keep the tests above from failing.
#[test]
fn arrows_and_circles_are_found_in_every_form() {
    let texts = [
        ("a", "use crate::b::{self, c::D};\nfn f() { self::x(); }"),
        ("b", "use std::io; // crate::a"),
        ("b::c", "use super::d::{E, F};"),
        ("b::d", "pub(crate) use crate::{b::c::G, e};"),
        ("d", "mod x;\nfn h() -> x::Y { z::x::w() }"),
        ("d::x", "use super::Q;"),
        ("e", "fn g() {}\nmod tests {\n    use crate::a;\n}"),
    ];
    let modules = texts.map(|(module, text)| (module.to_owned(), text.to_owned())).into();
    let arrows = arrows(&modules);
    let of = |module: &str| arrows[module].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("a"), ["b", "b::c"]);
    assert!(of("b").is_empty() && of("e").is_empty());
    assert_eq!((of("b::c"), of("b::d")), (vec!["b::d"], vec!["b::c", "e"]));
    assert_eq!((of("d"), of("d::x")), (vec!["d::x"], vec!["d"]));
    let names = |names: [&str; 2]| Some(names.map(str::to_owned).to_vec());
    assert_eq!(circle(&arrows), names(["b::c", "b::d"]));
    let within_d = arrows.into_iter().filter(|(module, _)| module.starts_with('d')).collect();
    assert_eq!(circle(&within_d), names(["d", "d::x"]));
}
