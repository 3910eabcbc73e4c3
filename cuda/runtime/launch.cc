#include "cuda/runtime/launch.h"

#include "absl/strings/str_cat.h"

namespace moulin::cuda {

Status LaunchUntyped(const LaunchContext& context, const char* name, const void* function, const LaunchDims& dims,
                     void** args) {
  if (dims.grid.x == 0 || dims.grid.y == 0 || dims.grid.z == 0) return absl::OkStatus();
  cudaLaunchConfig_t config = {};
  config.gridDim = dims.grid;
  config.blockDim = dims.block;
  config.dynamicSmemBytes = dims.shared_bytes;
  config.stream = context.stream;
  const cudaError_t error = context.api->LaunchKernelExC(&config, function, args);
  if (error == cudaSuccess) return absl::OkStatus();
  return ToStatus(*context.api, error,
                  absl::StrCat("launching ", name, " on ", dims.grid.x, "x", dims.grid.y, "x", dims.grid.z,
                               " blocks of ", dims.block.x, "x", dims.block.y, "x", dims.block.z, " threads"));
}

}  // namespace moulin::cuda
