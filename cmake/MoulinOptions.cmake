# Build options and the flags that every target shares.
option(MOULIN_BUILD_TESTS "Build the tests" ON)
option(MOULIN_BUILD_BENCHMARKS "Build the benchmarks" ON)
option(MOULIN_BUILD_FUZZERS "Build the fuzz targets with libFuzzer (Clang)" OFF)
option(MOULIN_JOIN_FILES "Compile files several at a time: less time for all, more for one that has changed" ON)
set(MOULIN_SANITIZE "" CACHE STRING "Sanitizers to build with, as for -fsanitize=")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(MOULIN_CCACHE ccache)
if(MOULIN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The slackness is what ccache asks for to work with precompiled headers. By dependencies: no second preprocessing.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1 ${MOULIN_CCACHE})
endif()

# Compiler flags of our own code; generated protobuf code is built without the warnings.
add_library(moulin_flags INTERFACE)
target_compile_options(moulin_flags INTERFACE -Wall -Wextra -Werror -Wno-sign-compare -Wno-missing-field-initializers)
# GCC 12 takes the unused inline storage of absl::InlinedVector, returned in a StatusOr, for uninitialised reads.
target_compile_options(moulin_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
# -fno-math-errno and -fno-trapping-math let loops over sqrt, floor and select vectorise; neither changes a value.
target_compile_options(moulin_flags INTERFACE -fno-math-errno -fno-trapping-math)
target_include_directories(moulin_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)

if(MOULIN_SANITIZE)
  # -Og takes half the time to compile that -O1 takes; -g1: line numbers for reports.
  add_compile_options(-fsanitize=${MOULIN_SANITIZE} -fno-omit-frame-pointer -Og -g1)
  add_link_options(-fsanitize=${MOULIN_SANITIZE})
  if(MOULIN_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=all)
    # GCC checks every access for null and alignment, at up to a third of the time to compile. AddressSanitizer reports
    # the first as well, and the fuzz targets, which Clang builds, check both.
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fno-sanitize=null,alignment>)
  endif()
endif()
