# Installs what was built, moves it, and builds and runs a user's program with it: by CMake, and by
# pkg-config.
#
#     cmake -DBUILT=… -DPLACE=… -DQT=6 -P check.cmake

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT status EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}: ${status}\n${said}")
  endif()
  set(said "${said}" PARENT_SCOPE)
endfunction()

function(run_program program)
  run("${CMAKE_COMMAND}" -E env "LD_LIBRARY_PATH=${libdir}" "${program}")
  if(NOT said MATCHES "^peg with Qt ${QT}\\.")
    message(FATAL_ERROR "${program} said: ${said}")
  endif()
endfunction()

file(REMOVE_RECURSE "${PLACE}")  # of an earlier run
run("${CMAKE_COMMAND}" --install "${BUILT}" --prefix "${PLACE}/made")
file(RENAME "${PLACE}/made" "${PLACE}/prefix")
file(GLOB_RECURSE library "${PLACE}/prefix/libtreenail.so")
get_filename_component(libdir "${library}" DIRECTORY)

# Nothing may know where it was made.
get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)
file(GLOB_RECURSE texts "${libdir}/*.cmake" "${libdir}/*.pc")
foreach(text IN LISTS texts)
  file(READ "${text}" words)
  foreach(place "${root}" "${PLACE}" "/usr/local")
    string(FIND "${words}" "${place}" found)
    if(NOT found EQUAL -1)
      message(FATAL_ERROR "${text} has ${place} in it")
    endif()
  endforeach()
endforeach()

foreach(first ON OFF)
  run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}" -B "${PLACE}/build-${first}" -DQT=${QT}
      -DFIND_QT_FIRST=${first} "-DCMAKE_PREFIX_PATH=${PLACE}/prefix")
endforeach()
run("${CMAKE_COMMAND}" --build "${PLACE}/build-OFF")
run_program("${PLACE}/build-OFF/program")

set(ENV{PKG_CONFIG_PATH} "${libdir}/pkgconfig")
run(pkg-config --cflags --libs treenail-qt${QT})
separate_arguments(flags UNIX_COMMAND "${said}")
run(c++ -std=c++17 -fPIC "${CMAKE_CURRENT_LIST_DIR}/program.cpp" -o "${PLACE}/program" ${flags})
run_program("${PLACE}/program")

# The commands of docs/qt.md name no build type.
run("${CMAKE_COMMAND}" -S "${root}/bindings/qt" -B "${PLACE}/plain" -DTREENAIL_QT_MAJOR=${QT})
file(STRINGS "${PLACE}/plain/CMakeCache.txt" type REGEX "^CMAKE_BUILD_TYPE:")
if(NOT type STREQUAL "CMAKE_BUILD_TYPE:STRING=Release")
  message(FATAL_ERROR "a build of bindings/qt by itself has ${type}")
endif()
# Nor do many projects.
run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}" -B "${PLACE}/contained" -DQT=${QT}
    -DFIND_QT_FIRST=ON "-DTREENAIL_SOURCE=${root}" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON)
file(STRINGS "${PLACE}/contained/compile_commands.json" lines
     REGEX "\"command\".*(program|/single_instance)\\.cpp")
list(LENGTH lines count)
list(FILTER lines INCLUDE REGEX " -O2 .*single_instance\\.cpp")
list(LENGTH lines optimised)
if(NOT count EQUAL 2 OR NOT optimised EQUAL 1)
  message(FATAL_ERROR "only treenail's ${optimised} of ${count} are to be optimised: ${lines}")
endif()
file(REMOVE_RECURSE "${PLACE}")
