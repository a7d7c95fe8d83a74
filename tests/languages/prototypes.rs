//! Reads the functions out of the header: enough of C for a generated header, and no more.

#![allow(dead_code, reason = "each test program uses its part")]

/// A function as the header declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it returns, as C.
    pub returns: String,
    /// Its parameters in order.
    pub parameters: Vec<Parameter>,
}

/// A parameter as the header declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its type with single spaces: `const tn_channel *`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Parameter {
    /// Whether NULL can be given for it.
    pub fn is_pointer(&self) -> bool {
        self.kind.ends_with('*')
    }
}

/// All functions that the header declares.
pub fn functions(header: &str) -> Vec<Function> {
    let code = without_directives(&without_comments(header));
    let code = code.replace("extern \"C\" {", " ");
    code.split(';').filter_map(function).collect()
}

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("/*").into_iter().chain(rest.find("//")).min() {
        code.push_str(&rest[..start]);
        let end = if rest[start..].starts_with("/*") { "*/" } else { "\n" };
        let length = rest[start..].find(end).expect("a comment ends") + end.len();
        code.push('\n');
        rest = &rest[start + length..];
    }
    code + rest
}

fn without_directives(text: &str) -> String {
    let joined = text.replace("\\\n", " ");
    joined.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

fn function(statement: &str) -> Option<Function> {
    let (before, after) = statement.split_once('(')?;
    let (inside, _) = after.rsplit_once(')')?;
    let (returns, name) = split_name(before);
    let is_function = name.starts_with("tn_") && !before.contains(['{', '=']);
    let returns = returns.trim_start_matches(['}', ' ']).to_string();
    is_function.then(|| Function { name, returns, parameters: parameters(inside) })
}

fn parameters(list: &str) -> Vec<Parameter> {
    if matches!(list.trim(), "" | "void") {
        return Vec::new();
    }
    list.split(',').map(split_name).map(|(kind, name)| Parameter { kind, name }).collect()
}

/// Splits `const  struct tn_x *name` into `const tn_x *` and `name`.
fn split_name(declaration: &str) -> (String, String) {
    let declaration = declaration.trim();
    let start = declaration.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |i| i + 1);
    let (kind, name) = declaration.split_at(start);
    let spaced = kind.replace('*', " * ");
    let words: Vec<_> = spaced.split_whitespace().filter(|word| *word != "struct").collect();
    (words.join(" ").replace("* *", "**"), name.to_string())
}
