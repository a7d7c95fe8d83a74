# The targets, in the build tree as when installed. Who includes this says treenail_version,
# treenail_soversion, treenail_libdir, treenail_includedirs, and treenail_scope: GLOBAL or nothing.

# What Rust's standard library needs of the system, as `rustc --print native-static-libs` says,
# without what compilers link anyway.
set(treenail_static_needs util rt pthread m dl)

add_library(treenail::treenail SHARED IMPORTED ${treenail_scope})
set_target_properties(treenail::treenail PROPERTIES
  IMPORTED_LOCATION "${treenail_libdir}/libtreenail.so.${treenail_version}"
  IMPORTED_SONAME "libtreenail.so.${treenail_soversion}"
  INTERFACE_INCLUDE_DIRECTORIES "${treenail_includedirs}")

add_library(treenail::treenail_static STATIC IMPORTED ${treenail_scope})
set_target_properties(treenail::treenail_static PROPERTIES
  IMPORTED_LOCATION "${treenail_libdir}/libtreenail.a"
  INTERFACE_LINK_LIBRARIES "${treenail_static_needs}"
  INTERFACE_INCLUDE_DIRECTORIES "${treenail_includedirs}")
