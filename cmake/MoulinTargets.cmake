# One static library a folder of src/, one test executable a folder of tests/.

# Precompiles headers, given as in #include, for the files of a target. Where files are joined that takes longer than it saves.
function(moulin_precompile target)
  if(NOT MOULIN_JOIN_FILES)
    list(TRANSFORM ARGN REPLACE "^(.+)$" "<\\1>")
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# Compiles the files of a target eight at a time. Files of one target may not have a name in common, in unnamed namespaces
# neither.
function(moulin_join_files target)
  if(MOULIN_JOIN_FILES)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON)
    # What is defined in a .cc file counts as of a header then (GCC).
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# moulin_library(NAME [SUBFOLDERS folder...] [PRECOMPILE header...] LINK dependency...): every .cc file of the current
# folder, and of the given subfolders.
function(moulin_library name)
  cmake_parse_arguments(ARG "" "" "SUBFOLDERS;PRECOMPILE;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  foreach(folder ${ARG_SUBFOLDERS})
    file(GLOB more CONFIGURE_DEPENDS ${folder}/*.cc)
    list(APPEND sources ${more})
  endforeach()
  add_library(moulin_${name} STATIC ${sources})
  target_link_libraries(moulin_${name} PUBLIC moulin_flags ${ARG_LINK})
  moulin_precompile(moulin_${name} ${ARG_PRECOMPILE})
  moulin_join_files(moulin_${name})
endfunction()

# moulin_test(NAME [PRECOMPILE header...] LINK dependency...): every *_test.cc of the current folder as one executable,
# one ctest entry.
function(moulin_test name)
  cmake_parse_arguments(ARG "" "" "PRECOMPILE;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *_test.cc)
  add_executable(moulin_${name}_test ${sources})
  target_link_libraries(moulin_${name}_test PRIVATE moulin_test_support ${ARG_LINK} GTest::gmock_main)
  # Tests are compiled more often than run, and -O3 brings false warnings about initialiser lists (GCC 12).
  target_compile_options(moulin_${name}_test PRIVATE $<$<CONFIG:Release>:-Og>)
  moulin_precompile(moulin_${name}_test gmock/gmock.h gtest/gtest.h ${ARG_PRECOMPILE})
  moulin_join_files(moulin_${name}_test)
  add_test(NAME ${name} COMMAND moulin_${name}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()
