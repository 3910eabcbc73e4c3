// The table filled with the CUDA runtime, which is linked statically and finds the driver when it is first called.
#include <cuda_runtime_api.h>

#include "cuda/runtime/cuda_api.h"

namespace moulin::cuda {

const CudaApi& RealCudaApi() {
  static constexpr CudaApi kApi = {
      .GetDeviceCount = cudaGetDeviceCount,
      .DriverGetVersion = cudaDriverGetVersion,
      .RuntimeGetVersion = cudaRuntimeGetVersion,
      .SetDevice = cudaSetDevice,
      .GetDeviceProperties = cudaGetDeviceProperties,
      .DeviceGetStreamPriorityRange = cudaDeviceGetStreamPriorityRange,
      .DeviceSynchronize = cudaDeviceSynchronize,
      .MemGetInfo = cudaMemGetInfo,
      .GetErrorName = cudaGetErrorName,
      .GetErrorString = cudaGetErrorString,
      .GetLastError = cudaGetLastError,
      .Malloc = cudaMalloc,
      .Free = cudaFree,
      .HostAlloc = cudaHostAlloc,
      .FreeHost = cudaFreeHost,
      .MemcpyAsync = cudaMemcpyAsync,
      .MemsetAsync = cudaMemsetAsync,
      .StreamCreateWithPriority = cudaStreamCreateWithPriority,
      .StreamDestroy = cudaStreamDestroy,
      .StreamSynchronize = cudaStreamSynchronize,
      .StreamWaitEvent = cudaStreamWaitEvent,
      .EventCreateWithFlags = cudaEventCreateWithFlags,
      .EventDestroy = cudaEventDestroy,
      .EventRecord = cudaEventRecord,
      .EventQuery = cudaEventQuery,
      .EventSynchronize = cudaEventSynchronize,
      .EventElapsedTime = cudaEventElapsedTime,
      .StreamBeginCapture = cudaStreamBeginCapture,
      .StreamEndCapture = cudaStreamEndCapture,
      .GraphInstantiate = cudaGraphInstantiate,
      .GraphUpload = cudaGraphUpload,
      .GraphLaunch = cudaGraphLaunch,
      .GraphDestroy = cudaGraphDestroy,
      .GraphExecDestroy = cudaGraphExecDestroy,
      .StreamGetCaptureInfo = cudaStreamGetCaptureInfo,
      .StreamUpdateCaptureDependencies = cudaStreamUpdateCaptureDependencies,
      .StreamBeginCaptureToGraph = cudaStreamBeginCaptureToGraph,
      .GraphConditionalHandleCreate = cudaGraphConditionalHandleCreate,
      .GraphAddNode = cudaGraphAddNode,
      .LibraryLoadData = cudaLibraryLoadData,
      .LibraryUnload = cudaLibraryUnload,
      .LibraryGetKernel = cudaLibraryGetKernel,
      .LaunchKernelExC = cudaLaunchKernelExC,
      .FuncSetAttribute = cudaFuncSetAttribute,
      .GetDriverEntryPointByVersion = cudaGetDriverEntryPointByVersion,
  };
  return kApi;
}

}  // namespace moulin::cuda
