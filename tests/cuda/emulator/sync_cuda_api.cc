#include "emulator/sync_cuda_api.h"

#include <atomic>
#include <cstring>
#include <string>

#include "emulator/device_memory.h"
#include "emulator/run.h"

namespace moulin::emulator {
namespace {

constexpr int kVersion = 13000;

thread_local std::string launch_error;

// Handles of streams and events: numbers that are never used twice.
void* NewHandle() {
  static std::atomic<uintptr_t> last{0x1000};
  return reinterpret_cast<void*>(last.fetch_add(16) + 16);
}

bool IsOnDevice(const void* memory, size_t bytes) { return DeviceMemory::Get().Contains(memory, bytes); }

cudaError_t GetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t GetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}
cudaError_t SetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }
cudaError_t GetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::strcpy(properties->name, "emulator");
  properties->major = 9;
  properties->multiProcessorCount = 4;
  properties->totalGlobalMem = size_t{8} << 30;
  properties->warpSize = 32;
  return SetDevice(device);
}
cudaError_t DeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
cudaError_t Nothing() { return cudaSuccess; }
cudaError_t MemGetInfo(size_t* free, size_t* total) {
  *free = *total = size_t{8} << 30;
  return cudaSuccess;
}
const char* GetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorNotSupported:
      return "cudaErrorNotSupported";
    default:
      return "cudaErrorUnknown";
  }
}
const char* GetErrorString(cudaError_t error) {
  return launch_error.empty() ? GetErrorName(error) : launch_error.c_str();
}

cudaError_t Malloc(void** memory, size_t bytes) {
  *memory = DeviceMemory::Get().Allocate(bytes, GetSchedule().poison);
  return cudaSuccess;
}
cudaError_t Free(void* memory) { return DeviceMemory::Get().Free(memory) ? cudaSuccess : cudaErrorInvalidValue; }
cudaError_t HostAlloc(void** memory, size_t bytes, unsigned) {
  *memory = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t FreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t MemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  if (bytes == 0) return cudaSuccess;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (to_device && !IsOnDevice(to, bytes)) return cudaErrorInvalidValue;
  if (from_device && !IsOnDevice(from, bytes)) return cudaErrorInvalidValue;
  std::memmove(to, from, bytes);
  return cudaSuccess;
}
cudaError_t MemsetAsync(void* memory, int value, size_t bytes, cudaStream_t) {
  if (bytes == 0) return cudaSuccess;
  if (!IsOnDevice(memory, bytes)) return cudaErrorInvalidValue;
  std::memset(memory, value, bytes);
  return cudaSuccess;
}

cudaError_t StreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  *stream = static_cast<cudaStream_t>(NewHandle());
  return cudaSuccess;
}
cudaError_t OfStream(cudaStream_t) { return cudaSuccess; }
cudaError_t StreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t EventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = static_cast<cudaEvent_t>(NewHandle());
  return cudaSuccess;
}
cudaError_t OfEvent(cudaEvent_t) { return cudaSuccess; }
cudaError_t EventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t EventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 0;
  return cudaSuccess;
}

template <typename... Params>
cudaError_t NotSupported(Params...) {
  return cudaErrorNotSupported;
}

cudaError_t LaunchKernelExC(const cudaLaunchConfig_t* config, const void* function, void** args) {
  const Status status = Run(function, config->gridDim, config->blockDim, config->dynamicSmemBytes, args);
  if (status.ok()) return cudaSuccess;
  launch_error = std::string(status.message());
  return absl::IsInvalidArgument(status) ? cudaErrorInvalidConfiguration : cudaErrorLaunchFailure;
}
cudaError_t FuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  return SetMaxDynamicShared(function, static_cast<size_t>(value)).ok() ? cudaSuccess : cudaErrorInvalidValue;
}

cuda::CudaApi MakeApi() {
  cuda::CudaApi api = {};
  api.GetDeviceCount = GetDeviceCount;
  api.DriverGetVersion = api.RuntimeGetVersion = GetVersion;
  api.SetDevice = SetDevice;
  api.GetDeviceProperties = GetDeviceProperties;
  api.DeviceGetStreamPriorityRange = DeviceGetStreamPriorityRange;
  api.DeviceSynchronize = api.GetLastError = Nothing;
  api.MemGetInfo = MemGetInfo;
  api.GetErrorName = GetErrorName;
  api.GetErrorString = GetErrorString;
  api.Malloc = Malloc;
  api.Free = Free;
  api.HostAlloc = HostAlloc;
  api.FreeHost = FreeHost;
  api.MemcpyAsync = MemcpyAsync;
  api.MemsetAsync = MemsetAsync;
  api.StreamCreateWithPriority = StreamCreateWithPriority;
  api.StreamDestroy = api.StreamSynchronize = OfStream;
  api.StreamWaitEvent = StreamWaitEvent;
  api.EventCreateWithFlags = EventCreateWithFlags;
  api.EventDestroy = api.EventQuery = api.EventSynchronize = OfEvent;
  api.EventRecord = EventRecord;
  api.EventElapsedTime = EventElapsedTime;
  api.StreamBeginCapture = NotSupported;
  api.StreamEndCapture = NotSupported;
  api.GraphInstantiate = NotSupported;
  api.GraphUpload = api.GraphLaunch = NotSupported;
  api.GraphDestroy = NotSupported;
  api.GraphExecDestroy = NotSupported;
  api.StreamGetCaptureInfo = NotSupported;
  api.StreamUpdateCaptureDependencies = NotSupported;
  api.StreamBeginCaptureToGraph = NotSupported;
  api.GraphConditionalHandleCreate = NotSupported;
  api.GraphAddNode = NotSupported;
  api.LibraryLoadData = NotSupported;
  api.LibraryUnload = NotSupported;
  api.LibraryGetKernel = NotSupported;
  api.LaunchKernelExC = LaunchKernelExC;
  api.FuncSetAttribute = FuncSetAttribute;
  return api;
}

}  // namespace

const cuda::CudaApi& SyncCudaApi() {
  static const cuda::CudaApi api = MakeApi();
  return api;
}

std::string LastLaunchError() { return launch_error; }
Status CheckDeviceMemory() { return DeviceMemory::Get().Check(); }
int64_t NumDeviceBlocks() { return DeviceMemory::Get().num_blocks(); }

}  // namespace moulin::emulator
