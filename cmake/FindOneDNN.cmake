# oneDNN from .deps/ (setup.sh unpacks PyPI's wheels there). Defines OneDNN::dnnl.
set(_root ${CMAKE_SOURCE_DIR}/.deps/onednn)
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.hpp PATHS ${_root}/include NO_DEFAULT_PATH)
find_library(ONEDNN_LIBRARY NAMES dnnl PATHS ${_root}/lib NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OneDNN REQUIRED_VARS ONEDNN_LIBRARY ONEDNN_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run ./setup.sh, which unpacks it into .deps/onednn")
if(OneDNN_FOUND AND NOT TARGET OneDNN::dnnl)
  add_library(OneDNN::dnnl SHARED IMPORTED)
  # The library finds its own two dependencies, which lie beside it, through the executable's RPATH (RUNPATH does not
  # reach so far).
  set_target_properties(OneDNN::dnnl PROPERTIES IMPORTED_LOCATION ${ONEDNN_LIBRARY}
    INTERFACE_LINK_OPTIONS "-Wl,--disable-new-dtags;-Wl,-rpath-link,${_root}/lib"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${ONEDNN_INCLUDE_DIR} INTERFACE_INCLUDE_DIRECTORIES ${ONEDNN_INCLUDE_DIR})
endif()
