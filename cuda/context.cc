#include "cuda/context.h"

#include "cuda/runtime/green_context.h"

namespace moulin::cuda {

std::shared_ptr<CudaContext> NewCudaContext(const CudaApi& api) {
  auto context = std::make_shared<CudaContext>();
  context->api = &api;
  context->memory = std::make_shared<MemoryPool>(api);
  context->constants = std::make_shared<ConstantStore>(context->memory);
  context->multiprocessor_pool = std::make_shared<MultiprocessorPool>(api);
  context->health = std::make_shared<DeviceHealth>(api);
  return context;
}

}  // namespace moulin::cuda
