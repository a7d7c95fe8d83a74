//! NULL for every pointer of every function of the header is TN_INVALID, never a crash.
//!
//! The cases are generated from the header: a new function has its cases as soon as it is
//! declared, and one with a new kind of parameter fails until [`value`] knows one for it.

use crate::common::toolchain::{build, root, run, workshop};
use crate::prototypes::{Function, Parameter, functions};
use std::fs;

/// What the generated program is made of, before and after the cases.
const BEFORE: &str = r#"
#include "check.h"

static int failures;

static void entering(const char *what) {
    case_name = what;
    printf("%s\n", what);
    fflush(stdout);
}

static void is_invalid(tn_status status) {
    if (status == TN_INVALID && tn_last_error()[0] != '\0') return;
    fprintf(stderr, "NULL for %s is %s\n", case_name, tn_status_name(status));
    failures++;
}

static inline void is_nothing(uintptr_t result) {
    if (result == 0) return;
    fprintf(stderr, "NULL for %s gives something\n", case_name);
    failures++;
}

int main(void) {
    pair ends = open_pair();
    tn_poller *poller = NULL;
    tn_segment *segment = NULL;
    tn_semaphore *semaphore = NULL;
    char segment_name[64];
    tn_slice slices[8];
    tn_message messages[8], request;
    tn_loan loan;
    tn_peer peer;
    tn_stats stats;
    struct tn_listener_stats counts;
    void *handle = NULL;
    size_t size = 0;
    uint64_t keys[8] = {0};
    uint32_t word = 0;
    tn_fd fd = -1;
    char scratch[64] = "eight by";
    alarm(CASE_SECONDS);
    OK(tn_poller_new(&poller));
    snprintf(segment_name, sizeof segment_name, "null-%ld", (long)getpid());
    OK(tn_segment_create(segment_name, 64, &segment));
    OK(tn_semaphore_open_or_create(segment_name, 1, &semaphore));
    OK(tn_channel_request_start(ends.server, 1, "x", 1, SOON, &word));
    OK(tn_channel_recv_view(ends.client, SOON, &request));
    OK(tn_channel_loan(ends.client, 8, SOON, &loan));
    for (int i = 0; i < 8; i++) slices[i] = (tn_slice){scratch, 8};
    memset(&peer, 0, sizeof peer);
    memset(&stats, 0, sizeof stats);
    memset(messages, 0, sizeof messages);
    peer.struct_size = sizeof peer;
    stats.struct_size = sizeof stats;
    memset(&counts, 0, sizeof counts);
    counts.struct_size = sizeof counts;
    (void)handle, (void)size, (void)keys, (void)fd, (void)messages;
"#;
const AFTER: &str = r#"
    OK(tn_channel_release(ends.client, &request));
    OK(tn_channel_discard(ends.client, &loan));
    tn_poller_free(poller);
    tn_segment_free(segment);
    tn_semaphore_free(semaphore);
    free_pair(&ends);
    return failures ? 1 : 0;
}
"#;

/// A good argument of this type, out of what [`BEFORE`] has made.
fn value(function: &Function, parameter: &Parameter) -> &'static str {
    match parameter.kind.as_str() {
        "const tn_channel *" => "ends.client",
        "const tn_listener *" => "ends.listener",
        "const tn_poller *" => "poller",
        "const tn_segment *" => "segment",
        "const tn_semaphore *" => "semaphore",
        "const char *" if ["tn_list", "tn_sweep"].contains(&&*function.name) => "\"segment:null\"",
        "const char *" if function.name.starts_with("tn_se") => "segment_name",
        "const char *" if function.name == "tn_channel_pair" => "\"\"",
        "const char *" => "fresh_endpoint().text",
        "const void *" | "void *" | "char *" => "scratch",
        "const tn_slice *" => "slices",
        "const tn_message *" => "&request",
        "tn_message *" => "messages",
        "const tn_loan *" | "tn_loan *" => "&loan",
        "tn_peer *" => "&peer",
        "tn_stats *" => "&stats",
        "tn_listener_stats *" => "&counts",
        "size_t *" | "uintptr_t *" => "&size",
        "uint64_t *" => "keys",
        "uint32_t *" => "&word",
        "tn_fd *" => "&fd",
        kind if kind.ends_with("**") => "(void *)&handle",
        "int32_t" => "TN_NOWAIT",
        "tn_status" => "TN_IO",
        "uint32_t" | "uint64_t" | "size_t" | "uintptr_t" | "tn_fd" => "8",
        kind => panic!("{}: there is no value for a `{kind}` here", function.name),
    }
}

/// Where NULL means something.
fn may_be_null(function: &Function, parameter: &Parameter) -> bool {
    let names = (&*function.name, &*parameter.name);
    matches!(names, ("tn_list" | "tn_sweep", "pattern") | ("tn_channel_pair", "options"))
}

/// One line of C: the call with NULL for one of its parameters.
fn case(function: &Function, null: &Parameter) -> String {
    let argument = |parameter| {
        if parameter == null { "NULL" } else { value(function, parameter) }
    };
    let arguments: Vec<_> = function.parameters.iter().map(argument).collect();
    let call = format!("{}({})", function.name, arguments.join(", "));
    let check = match function.returns.as_str() {
        "tn_status" => format!("is_invalid({call})"),
        "void" => call,
        _ => format!("is_nothing((uintptr_t){call})"),
    };
    format!("    entering(\"{} of {}\");\n    {check};\n", null.name, function.name)
}

#[test]
fn null_for_any_pointer_is_invalid() {
    let header = fs::read_to_string(root().join("include/treenail.h")).expect("there is a header");
    let functions = functions(&header);
    let mut program = String::from(BEFORE);
    for function in &functions {
        let pointers = function.parameters.iter().filter(|one| one.is_pointer());
        for parameter in pointers.filter(|one| !may_be_null(function, one)) {
            program.push_str(&case(function, parameter));
        }
    }
    program.push_str(AFTER);
    assert!(functions.len() >= 60, "only {} functions were found", functions.len());
    let source = workshop().join("null.c");
    fs::write(&source, program).expect("the directory is writable");
    run(&build(&source), &[]);
}

#[test]
fn declarations_are_read_as_c_does() {
    let header = "#define X(a) \\\n  b(a)\n/* tn_not(int a); */\nextern \"C\" {\n// tn_no(void);\n\
        typedef struct tn_x { int a; } tn_x;\nconst char *tn_a(void);\n\
        tn_status tn_b(const struct tn_x *x,\n    void **out, size_t len);\nvoid tn_c(tn_x*x);\n}";
    let found = functions(header);
    let names: Vec<_> = found.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["tn_a", "tn_b", "tn_c"]);
    assert_eq!(found[0].returns, "const char *");
    assert_eq!(found[1].returns, "tn_status");
    let kinds: Vec<_> = found[1].parameters.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["const tn_x *", "void **", "size_t"]);
    assert_eq!(found[2].parameters[0].name, "x");
}
