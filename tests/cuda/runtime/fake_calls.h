// The functions behind the table of the stand-in for the CUDA runtime (fake_cuda.h), and how each of them begins and
// ends.
#ifndef MOULIN_TESTS_CUDA_RUNTIME_FAKE_CALLS_H_
#define MOULIN_TESTS_CUDA_RUNTIME_FAKE_CALLS_H_

#include <mutex>

#include "runtime/fake_state.h"

namespace moulin::fake_cuda {

// Counts a call and injects the failures wanted. What it returns, unless cudaSuccess, is the call's result.
cudaError_t BeginCall();
// Keeps an error for GetLastError; returns it.
cudaError_t EndCall(cudaError_t error);

// A call: f(state) under the lock, unless the device is lost or absent.
template <typename F>
cudaError_t Call(F f) {
  const cudaError_t error = BeginCall();
  if (error != cudaSuccess) return EndCall(error);
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  return EndCall(f(state));
}

// A call that gives something back, which it does on a lost device too.
template <typename F>
cudaError_t DestroyCall(F f) {
  const cudaError_t begin = BeginCall();
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  const cudaError_t error = f(state);
  return EndCall(begin != cudaSuccess ? begin : error);
}

// An error of the program under test: kept for Violations, and returned.
cudaError_t Refuse(cudaError_t error, const std::string& why);

// What a handle points to; null where it is not valid.
Stream* FindStream(State& state, cudaStream_t stream);
Event* FindEvent(State& state, cudaEvent_t event);
// Among those of conditional nodes and those being captured, too.
std::shared_ptr<Graph> FindGraph(State& state, cudaGraph_t graph);

// Refuses calls that CUDA forbids while a graph is captured, and invalidates the captures that they disturb.
cudaError_t CheckNotCapturing(State& state, const char* call);
// The same for what would wait for this stream or all of them.
cudaError_t RefuseToWait(Capture& capture, const char* call);

// Appends work to the stream, or to the graph that it captures.
cudaError_t Enqueue(State& state, Stream& stream, Work work);
// A record behind everything enqueued on the stream.
std::shared_ptr<Record> Mark(State& state, Stream& stream);
// Lets everything enqueued so far run, where the schedule is gated.
void OpenGate(State& state);
// Frees the operations before a record that is done.
void ForgetBefore(State& state, const Record& record);
// Waits for the record, and does that. Without the lock.
void WaitFor(State& state, const std::shared_ptr<Record>& record);

// fake_memory_calls.cc
cudaError_t MemGetInfo(size_t* free, size_t* total);
cudaError_t Malloc(void** memory, size_t bytes);
cudaError_t Free(void* memory);
cudaError_t HostAlloc(void** memory, size_t bytes, unsigned flags);
cudaError_t FreeHost(void* memory);
cudaError_t MemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t MemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream);

// fake_stream_calls.cc
cudaError_t DeviceSynchronize();
cudaError_t StreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority);
cudaError_t StreamDestroy(cudaStream_t stream);
cudaError_t StreamSynchronize(cudaStream_t stream);
cudaError_t StreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t EventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t EventDestroy(cudaEvent_t event);
cudaError_t EventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t EventQuery(cudaEvent_t event);
cudaError_t EventSynchronize(cudaEvent_t event);
cudaError_t EventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end);

// fake_graph_calls.cc
cudaError_t StreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t StreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                      const cudaGraphEdgeData* edges, size_t num_dependencies,
                                      cudaStreamCaptureMode mode);
cudaError_t StreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t GraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t GraphUpload(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t GraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t GraphDestroy(cudaGraph_t graph);
cudaError_t GraphExecDestroy(cudaGraphExec_t executable);

// fake_conditional_calls.cc
cudaError_t StreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                 cudaGraph_t* graph, const cudaGraphNode_t** dependencies,
                                 const cudaGraphEdgeData** edges, size_t* num_dependencies);
cudaError_t StreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* dependencies,
                                            const cudaGraphEdgeData* edges, size_t num_dependencies, unsigned flags);
cudaError_t GraphConditionalHandleCreate(cudaGraphConditionalHandle* handle, cudaGraph_t graph, unsigned default_value,
                                         unsigned flags);
cudaError_t GraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                         const cudaGraphEdgeData* edges, size_t num_dependencies, cudaGraphNodeParams* parameters);
// Whether a graph may be instantiated as far as its conditional nodes go.
cudaError_t CheckConditionals(const Graph& graph);

// fake_code_calls.cc
cudaError_t LibraryLoadData(cudaLibrary_t* library, const void* code, cudaJitOption* jit_options, void** jit_values,
                            unsigned num_jit_options, cudaLibraryOption* options, void** values, unsigned num_options);
cudaError_t LibraryUnload(cudaLibrary_t library);
cudaError_t LibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t library, const char* name);
cudaError_t LaunchKernelExC(const cudaLaunchConfig_t* config, const void* function, void** args);
cudaError_t FuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value);

// fake_green_calls.cc
cudaError_t GetDriverEntryPointByVersion(const char* symbol, void** function, unsigned version,
                                         unsigned long long flags, cudaDriverEntryPointQueryResult* found);

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_FAKE_CALLS_H_
