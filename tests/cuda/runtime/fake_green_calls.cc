// Green contexts of the stand-in (fake_cuda.h): the driver's functions, as the runtime gives them out. An H200's 132
// multiprocessors are split into 16 sets of 8, and 4 are left over.
#include <cuda.h>

#include <cstring>
#include <map>
#include <string>

#include "runtime/fake_calls.h"

namespace moulin::fake_cuda {
namespace {

constexpr unsigned kSetSize = 8;

// What the driver keeps in a resource where nobody may look: which split it came from, and which set it is.
struct Origin {
  int split = 0;  // 0: none, the whole device
  int set = -1;
};

Origin OriginOf(const CUdevResource& resource) {
  Origin origin;
  std::memcpy(&origin, resource._internal_padding, sizeof(origin));
  return origin;
}

CUdevResource ResourceOf(unsigned multiprocessors, const Origin& origin) {
  CUdevResource resource = {};
  resource.type = CU_DEV_RESOURCE_TYPE_SM;
  std::memcpy(resource._internal_padding, &origin, sizeof(origin));
  resource.sm.smCount = multiprocessors;
  resource.sm.minSmPartitionSize = resource.sm.smCoscheduledAlignment = kSetSize;
  return resource;
}

CUresult RefuseDriverCall(CUresult result, const std::string& why) {
  AddViolation(why);
  return result;
}

CUresult GetErrorName(CUresult error, const char** name) {
  *name = error == CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION ? "CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION"
                                                             : "CUDA_ERROR_INVALID_VALUE";
  return CUDA_SUCCESS;
}

CUresult DeviceGetDevResource(CUdevice device, CUdevResource* resource, CUdevResourceType type) {
  if (device != 0 || type != CU_DEV_RESOURCE_TYPE_SM) return CUDA_ERROR_INVALID_VALUE;
  *resource = ResourceOf(kFakeMultiprocessors, {});
  return CUDA_SUCCESS;
}

CUresult DevSmResourceSplitByCount(CUdevResource* result, unsigned* count, const CUdevResource* input,
                                   CUdevResource* remaining, unsigned flags, unsigned min_count) {
  if (input->type != CU_DEV_RESOURCE_TYPE_SM || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (OriginOf(*input).split != 0) {
    return RefuseDriverCall(CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION, "the result of a split is split again");
  }
  const unsigned size = (min_count + kSetSize - 1) / kSetSize * kSetSize;
  const unsigned most = size == 0 ? 0 : kFakeMultiprocessors / size;
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  *count = result == nullptr ? most : std::min(*count, most);
  if (result == nullptr) return CUDA_SUCCESS;
  const int split = ++state.num_splits;
  for (unsigned i = 0; i < *count; ++i) result[i] = ResourceOf(size, {split, static_cast<int>(i)});
  if (remaining != nullptr) *remaining = ResourceOf(kFakeMultiprocessors - *count * size, {split, -1});
  return CUDA_SUCCESS;
}

CUresult DevResourceGenerateDesc(CUdevResourceDesc* description, CUdevResource* resources, unsigned count) {
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  auto made = std::make_unique<GreenContextState>();
  for (unsigned i = 0; i < count; ++i) {
    if (OriginOf(resources[i]).split != OriginOf(resources[0]).split) {
      return RefuseDriverCall(CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION,
                              "resources of different splits in one context");
    }
    made->multiprocessors += static_cast<int>(resources[i].sm.smCount);
    made->sets.push_back(OriginOf(resources[i]).set);
  }
  *description = reinterpret_cast<CUdevResourceDesc>(made.get());
  state.green_descriptions.push_back(std::move(made));  // the driver has no call that frees one
  return CUDA_SUCCESS;
}

CUresult GreenCtxCreate(CUgreenCtx* context, CUdevResourceDesc description, CUdevice device, unsigned flags) {
  if (device != 0 || flags != CU_GREEN_CTX_DEFAULT_STREAM) return CUDA_ERROR_INVALID_VALUE;
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  auto made = std::make_unique<GreenContextState>(*reinterpret_cast<GreenContextState*>(description));
  for (const auto& [handle, other] : state.green_contexts) {
    for (const int set : made->sets) {
      if (std::count(other->sets.begin(), other->sets.end(), set) > 0) {
        return RefuseDriverCall(CUDA_ERROR_INVALID_VALUE, "two green contexts have the same multiprocessors");
      }
    }
  }
  *context = reinterpret_cast<CUgreenCtx>(made.get());
  state.green_contexts[made.get()] = std::move(made);
  return CUDA_SUCCESS;
}

CUresult GreenCtxDestroy(CUgreenCtx context) {
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  for (const auto& [handle, stream] : state.streams) {
    if (stream->green == context)
      return RefuseDriverCall(CUDA_ERROR_INVALID_VALUE, "a green context is destroyed before its streams");
  }
  return state.green_contexts.erase(context) == 1 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult GreenCtxStreamCreate(CUstream* stream, CUgreenCtx context, unsigned flags, int priority) {
  {
    State& state = TheState();
    const HiddenLock lock(state.mutex);
    if (!state.green_contexts.contains(context)) return CUDA_ERROR_INVALID_VALUE;
  }
  static_assert(static_cast<unsigned>(CU_STREAM_NON_BLOCKING) == cudaStreamNonBlocking);
  if (StreamCreateWithPriority(stream, flags, priority) != cudaSuccess) return CUDA_ERROR_INVALID_VALUE;
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  state.streams[*stream]->green = context;
  return CUDA_SUCCESS;
}

}  // namespace

cudaError_t GetDriverEntryPointByVersion(const char* symbol, void** function, unsigned version,
                                         unsigned long long flags, cudaDriverEntryPointQueryResult* found) {
  return Call([&](State& state) {
    const std::map<std::string, void*> functions = {
        {"cuGetErrorName", reinterpret_cast<void*>(GetErrorName)},
        {"cuDeviceGetDevResource", reinterpret_cast<void*>(DeviceGetDevResource)},
        {"cuDevSmResourceSplitByCount", reinterpret_cast<void*>(DevSmResourceSplitByCount)},
        {"cuDevResourceGenerateDesc", reinterpret_cast<void*>(DevResourceGenerateDesc)},
        {"cuGreenCtxCreate", reinterpret_cast<void*>(GreenCtxCreate)},
        {"cuGreenCtxDestroy", reinterpret_cast<void*>(GreenCtxDestroy)},
        {"cuGreenCtxStreamCreate", reinterpret_cast<void*>(GreenCtxStreamCreate)},
    };
    if (version > CUDART_VERSION || flags != cudaEnableDefault) return cudaErrorInvalidValue;
    const auto it = functions.find(symbol);
    const bool is_there = it != functions.end() && (state.options.has_green_contexts || it->first == "cuGetErrorName");
    *function = is_there ? it->second : nullptr;
    *found = is_there ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
    return cudaSuccess;
  });
}

std::vector<GreenContextValues> GreenContexts() {
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  std::vector<GreenContextValues> values;
  for (const auto& [handle, context] : state.green_contexts) {
    values.push_back({context->multiprocessors, context->kernels});
  }
  return values;
}

}  // namespace moulin::fake_cuda
