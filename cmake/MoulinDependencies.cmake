# What Moulin is built on; setup.sh installs all of it.
find_package(Threads REQUIRED)
find_package(TBB REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Protobuf REQUIRED)
find_package(absl REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(OneDNN REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)

# Hashes of bundles: of a small library, for every process maps what it is linked with.
find_library(NETTLE_LIBRARY NAMES nettle REQUIRED)

# What single host kernels stand on: regular expressions, hashes, image files.
find_library(RE2_LIBRARY NAMES re2 REQUIRED)
find_library(FARMHASH_LIBRARY NAMES farmhash REQUIRED)
add_library(moulin_host_libraries INTERFACE)
target_link_libraries(moulin_host_libraries INTERFACE ${RE2_LIBRARY} ${FARMHASH_LIBRARY} PNG::PNG JPEG::JPEG)
