// The calls of the CUDA runtime that Moulin makes, as a table of functions: what runs on a GPU in production runs on a
// stand-in in tests (tests/cuda/fake_cuda.h), where streams are threads and events are happens-before edges.
#ifndef MOULIN_CUDA_RUNTIME_CUDA_API_H_
#define MOULIN_CUDA_RUNTIME_CUDA_API_H_

#include <cuda_runtime_api.h>

#include "moulin/status.h"

namespace moulin::cuda {

// Each member has the signature and the meaning of the runtime's function of that name with "cuda" before it.
struct CudaApi {
  // device
  cudaError_t (*GetDeviceCount)(int* count);
  cudaError_t (*DriverGetVersion)(int* version);
  cudaError_t (*RuntimeGetVersion)(int* version);
  cudaError_t (*SetDevice)(int device);
  cudaError_t (*GetDeviceProperties)(cudaDeviceProp* properties, int device);
  cudaError_t (*DeviceGetStreamPriorityRange)(int* least, int* greatest);
  cudaError_t (*DeviceSynchronize)();
  cudaError_t (*MemGetInfo)(size_t* free, size_t* total);
  const char* (*GetErrorName)(cudaError_t error);
  const char* (*GetErrorString)(cudaError_t error);
  cudaError_t (*GetLastError)();
  // memory
  cudaError_t (*Malloc)(void** memory, size_t bytes);
  cudaError_t (*Free)(void* memory);
  cudaError_t (*HostAlloc)(void** memory, size_t bytes, unsigned flags);
  cudaError_t (*FreeHost)(void* memory);
  cudaError_t (*MemcpyAsync)(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
  cudaError_t (*MemsetAsync)(void* memory, int value, size_t bytes, cudaStream_t stream);
  // streams and events
  cudaError_t (*StreamCreateWithPriority)(cudaStream_t* stream, unsigned flags, int priority);
  cudaError_t (*StreamDestroy)(cudaStream_t stream);
  cudaError_t (*StreamSynchronize)(cudaStream_t stream);
  cudaError_t (*StreamWaitEvent)(cudaStream_t stream, cudaEvent_t event, unsigned flags);
  cudaError_t (*EventCreateWithFlags)(cudaEvent_t* event, unsigned flags);
  cudaError_t (*EventDestroy)(cudaEvent_t event);
  cudaError_t (*EventRecord)(cudaEvent_t event, cudaStream_t stream);
  cudaError_t (*EventQuery)(cudaEvent_t event);
  cudaError_t (*EventSynchronize)(cudaEvent_t event);
  cudaError_t (*EventElapsedTime)(float* milliseconds, cudaEvent_t start, cudaEvent_t end);
  // graphs
  cudaError_t (*StreamBeginCapture)(cudaStream_t stream, cudaStreamCaptureMode mode);
  cudaError_t (*StreamEndCapture)(cudaStream_t stream, cudaGraph_t* graph);
  cudaError_t (*GraphInstantiate)(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
  cudaError_t (*GraphUpload)(cudaGraphExec_t executable, cudaStream_t stream);
  cudaError_t (*GraphLaunch)(cudaGraphExec_t executable, cudaStream_t stream);
  cudaError_t (*GraphDestroy)(cudaGraph_t graph);
  cudaError_t (*GraphExecDestroy)(cudaGraphExec_t executable);
  // choices and loops in graphs
  cudaError_t (*StreamGetCaptureInfo)(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                      cudaGraph_t* graph, const cudaGraphNode_t** dependencies,
                                      const cudaGraphEdgeData** edges, size_t* num_dependencies);
  cudaError_t (*StreamUpdateCaptureDependencies)(cudaStream_t stream, cudaGraphNode_t* dependencies,
                                                 const cudaGraphEdgeData* edges, size_t num_dependencies,
                                                 unsigned flags);
  cudaError_t (*StreamBeginCaptureToGraph)(cudaStream_t stream, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                           const cudaGraphEdgeData* edges, size_t num_dependencies,
                                           cudaStreamCaptureMode mode);
  cudaError_t (*GraphConditionalHandleCreate)(cudaGraphConditionalHandle* handle, cudaGraph_t graph,
                                              unsigned default_value, unsigned flags);
  cudaError_t (*GraphAddNode)(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                              const cudaGraphEdgeData* edges, size_t num_dependencies, cudaGraphNodeParams* parameters);
  // code
  cudaError_t (*LibraryLoadData)(cudaLibrary_t* library, const void* code, cudaJitOption* jit_options,
                                 void** jit_values, unsigned num_jit_options, cudaLibraryOption* options, void** values,
                                 unsigned num_options);
  cudaError_t (*LibraryUnload)(cudaLibrary_t library);
  cudaError_t (*LibraryGetKernel)(cudaKernel_t* kernel, cudaLibrary_t library, const char* name);
  // Takes the address of a __global__ function, or a cudaKernel_t.
  cudaError_t (*LaunchKernelExC)(const cudaLaunchConfig_t* config, const void* function, void** args);
  cudaError_t (*FuncSetAttribute)(const void* function, cudaFuncAttribute attribute, int value);
  // The driver's own functions, for what the runtime lacks (green_context.h). May be null: there are none.
  cudaError_t (*GetDriverEntryPointByVersion)(const char* symbol, void** function, unsigned version,
                                              unsigned long long flags, cudaDriverEntryPointQueryResult* found);
};

// The runtime itself. Its functions may be called whether or not there is a driver: they then return an error.
const CudaApi& RealCudaApi();

// OK, or the error of a call as a status: RESOURCE_EXHAUSTED (E_MEMORY) where memory is short, else E_DEVICE.
// `what` says what was being done ("allocating 12 bytes").
Status ToStatus(const CudaApi& api, cudaError_t error, absl::string_view what);

// Whether the device is of no use to this process any more after this error (a fault on the device, a lost device).
bool IsSticky(cudaError_t error);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_RUNTIME_CUDA_API_H_
