include(CMakeFindDependencyMacro)
# Both are mostly installed side by side.
find_dependency(treenail HINTS "${CMAKE_CURRENT_LIST_DIR}/..")

# The Qt that the project has found, or else the newest that this is installed for.
if(NOT TREENAIL_QT_MAJOR AND NOT TARGET Qt6::Core AND NOT TARGET Qt5::Core AND NOT QT_VERSION_MAJOR)
  foreach(major 5 6)
    if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/treenail-qt${major}Targets.cmake")
      set(TREENAIL_QT_MAJOR ${major})
    endif()
  endforeach()
endif()
include("${CMAKE_CURRENT_LIST_DIR}/treenail-qtFindQt.cmake")

set(targets "${CMAKE_CURRENT_LIST_DIR}/treenail-qt${TREENAIL_QT_MAJOR}Targets.cmake")
if(EXISTS "${targets}")
  include("${targets}")
else()
  set(treenail-qt_FOUND FALSE)
  set(treenail-qt_NOT_FOUND_MESSAGE "treenail-qt isn't installed for Qt ${TREENAIL_QT_MAJOR}")
endif()
