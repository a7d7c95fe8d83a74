# Which Qt: what TREENAIL_QT_MAJOR says, else what the project has found, else the newest.

if(NOT TREENAIL_QT_MAJOR)
  if(TARGET Qt6::Core OR (NOT TARGET Qt5::Core AND QT_VERSION_MAJOR EQUAL 6))
    set(TREENAIL_QT_MAJOR 6)
  elseif(TARGET Qt5::Core OR QT_VERSION_MAJOR EQUAL 5)
    set(TREENAIL_QT_MAJOR 5)
  else()
    find_package(QT NAMES Qt6 Qt5 REQUIRED COMPONENTS Core Network)
    set(TREENAIL_QT_MAJOR ${QT_VERSION_MAJOR})
  endif()
endif()
set(treenail_qt_oldest_5 5.15)
set(treenail_qt_oldest_6 6.2)
find_package(Qt${TREENAIL_QT_MAJOR} ${treenail_qt_oldest_${TREENAIL_QT_MAJOR}} REQUIRED
  COMPONENTS Core Network)
