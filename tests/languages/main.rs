//! The library as each language meets it: the C ABI, the C++ header, the other languages' objects,
//! each language with each, and the programs that the documents show. The programs in C and C++ lie
//! beside what builds and runs them.
//!
//! The tests in [python/](python/) and [qt/](qt/) have runners of their own.

#[path = "../common/mod.rs"]
mod common;

mod abi;
mod cpp;
mod cpp_package;
mod doc_programs;
mod foreign;
mod header;
mod matrix;
mod null;
mod prototypes;
mod readme;
