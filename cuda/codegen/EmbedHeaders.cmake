# Writes the headers that generated kernels include, as text, into a C++ file: NVRTC reads them from memory.
#   cmake -DROOT=<top of the tree> -DOUT=<file> -P EmbedHeaders.cmake
# Included, it defines MOULIN_EMBEDDED_HEADERS alone.

# "name in #include=file"; the first four stand in for headers of the C++ library, which NVRTC has not.
set(MOULIN_EMBEDDED_HEADERS
  cmath=cuda/codegen/device/cmath
  cstdint=cuda/codegen/device/cstdint
  limits=cuda/codegen/device/limits
  type_traits=cuda/codegen/device/type_traits
  cuda/codegen/device/map.h=cuda/codegen/device/map.h
  cuda/kernels/device_code.h=cuda/kernels/device_code.h
  cuda/kernels/fold_kernels.h=cuda/kernels/fold_kernels.h
  cuda/kernels/fold_params.h=cuda/kernels/fold_params.h
  cuda/kernels/group_reduce.h=cuda/kernels/group_reduce.h
  cuda/runtime/device_function.h=cuda/runtime/device_function.h
  kernels/element.h=src/kernels/element.h
  kernels/hd.h=src/kernels/hd.h
  kernels/index_map.h=src/kernels/index_map.h
  kernels/scalar_arithmetic.h=src/kernels/scalar_arithmetic.h
  kernels/scalar_cast.h=src/kernels/scalar_cast.h
  kernels/scalar_special.h=src/kernels/scalar_special.h)

if(NOT CMAKE_SCRIPT_MODE_FILE)
  return()
endif()

set(text "// Made by cuda/codegen/EmbedHeaders.cmake.\n#include \"cuda/codegen/embedded_headers.h\"\n\n")
string(APPEND text "namespace moulin::cuda {\nnamespace {\n\nconstexpr EmbeddedHeader kHeaders[] = {\n")
foreach(entry ${MOULIN_EMBEDDED_HEADERS})
  string(REGEX MATCH "^([^=]+)=(.+)$" matched ${entry})
  set(name ${CMAKE_MATCH_1})
  file(READ ${ROOT}/${CMAKE_MATCH_2} content)
  string(APPEND text "    {\"${name}\", R\"moulin(${content})moulin\"},\n")
endforeach()
string(APPEND text "};\n\n}  // namespace\n\nabsl::Span<const EmbeddedHeader> EmbeddedHeaders() { return kHeaders; }\n\n")
string(APPEND text "}  // namespace moulin::cuda\n")
file(WRITE ${OUT} "${text}")
