# treenail-qtConfig.cmake of the packages, which have the Qt classes as source: each Qt and each
# compiler has an ABI of its own. The project that finds this builds them, as treenail::qt, with the
# Qt that it has found.
include(CMakeFindDependencyMacro)
find_dependency(treenail)
include("${CMAKE_CURRENT_LIST_DIR}/treenail-qtFindQt.cmake")

if(NOT TARGET treenail::qt)
  get_filename_component(treenail_qt_source "${CMAKE_CURRENT_LIST_DIR}/@source@" ABSOLUTE)
  file(GLOB treenail_qt_files
    "${treenail_qt_source}/treenail/qt/*.hpp" "${treenail_qt_source}/treenail/qt/*.cpp")
  add_library(treenail-qt STATIC EXCLUDE_FROM_ALL ${treenail_qt_files})
  add_library(treenail::qt ALIAS treenail-qt)
  set_target_properties(treenail-qt PROPERTIES AUTOMOC ON POSITION_INDEPENDENT_CODE ON)
  target_compile_features(treenail-qt PUBLIC cxx_std_17)
  # Qt has a macro by the name of treenail::forever. Without a build type this is optimised too.
  target_compile_definitions(treenail-qt PRIVATE QT_NO_KEYWORDS)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    target_compile_options(treenail-qt PRIVATE -O2)
  endif()
  target_include_directories(treenail-qt PUBLIC "${treenail_qt_source}")
  target_link_libraries(treenail-qt PUBLIC
    treenail::treenail Qt${TREENAIL_QT_MAJOR}::Core Qt${TREENAIL_QT_MAJOR}::Network)
endif()
