#include "runtime/fake_cuda.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/fake_calls.h"

namespace moulin::fake_cuda {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

// The errors that the stand-in and its tests know, by name and as a text.
struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};
constexpr ErrorText kErrorTexts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid shape of a launch"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver", "no driver, or one older than the runtime"},
    {cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction", "no such kernel"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no device"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "no device of that number"},
    {cudaErrorInvalidKernelImage, "cudaErrorInvalidKernelImage", "code that cannot be loaded"},
    {cudaErrorECCUncorrectable, "cudaErrorECCUncorrectable", "memory that is worn out"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "not a valid handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState", "not in a state for this"},
    {cudaErrorSymbolNotFound, "cudaErrorSymbolNotFound", "no symbol of that name"},
    {cudaErrorNotReady, "cudaErrorNotReady", "not done yet"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "access to an illegal address"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources", "too many resources for a launch"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "a kernel failed"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "not supported"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported", "not permitted while capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated", "the capture failed before"},
    {cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge", "two captures would be merged"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched", "not the stream where capture began"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined", "forked work was not joined"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation", "dependency on uncaptured work"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent", "the event was captured"},
    {cudaErrorStreamCaptureWrongThread, "cudaErrorStreamCaptureWrongThread", "not the thread where capture began"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const ErrorText& TextOf(cudaError_t error) {
  for (const ErrorText& text : kErrorTexts) {
    if (text.error == error) return text;
  }
  static constexpr ErrorText kOther = {cudaErrorUnknown, "an error", "an error that the stand-in has no text for"};
  return kOther;
}
const char* GetErrorName(cudaError_t error) { return TextOf(error).name; }
const char* GetErrorString(cudaError_t error) { return TextOf(error).text; }
cudaError_t GetLastError() { return std::exchange(last_error, cudaSuccess); }

cudaError_t GetDeviceCount(int* count) {
  const State& state = TheState();
  *count = 0;
  if (!state.options.has_driver) return EndCall(cudaErrorInsufficientDriver);
  if (state.options.num_devices == 0) return EndCall(cudaErrorNoDevice);
  *count = state.options.num_devices;
  return cudaSuccess;
}

cudaError_t DriverGetVersion(int* version) {
  *version = TheState().options.has_driver ? CUDART_VERSION : 0;
  return cudaSuccess;
}
cudaError_t RuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t SetDevice(int device) {
  return Call([&](State& state) {
    return device >= 0 && device < state.options.num_devices ? cudaSuccess : cudaErrorInvalidDevice;
  });
}

// Those of an H200.
cudaError_t GetDeviceProperties(cudaDeviceProp* properties, int device) {
  return Call([&](State& state) {
    if (device < 0 || device >= state.options.num_devices) return cudaErrorInvalidDevice;
    *properties = {};
    std::strncpy(properties->name, "NVIDIA H200 (stand-in)", sizeof(properties->name) - 1);
    properties->major = 9;
    properties->minor = 0;
    properties->multiProcessorCount = kFakeMultiprocessors;
    properties->totalGlobalMem = state.options.device_bytes;
    properties->sharedMemPerBlock = 48 << 10;
    properties->sharedMemPerBlockOptin = 227 << 10;
    properties->sharedMemPerMultiprocessor = 228 << 10;
    properties->regsPerBlock = properties->regsPerMultiprocessor = 65536;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = 1024;
    properties->maxThreadsPerMultiProcessor = 2048;
    const int block[] = {1024, 1024, 64};
    const int grid[] = {0x7fffffff, 65535, 65535};
    std::memcpy(properties->maxThreadsDim, block, sizeof(block));
    std::memcpy(properties->maxGridSize, grid, sizeof(grid));
    properties->l2CacheSize = 50 << 20;
    properties->memoryBusWidth = 6144;
    properties->asyncEngineCount = 3;
    properties->concurrentKernels = 1;
    properties->unifiedAddressing = 1;
    properties->canMapHostMemory = 1;
    properties->streamPrioritiesSupported = 1;
    properties->pciBusID = 1 + device;
    return cudaSuccess;
  });
}

cudaError_t DeviceGetStreamPriorityRange(int* least, int* greatest) {
  return Call([&](State&) {
    *least = 0;
    *greatest = -5;
    return cudaSuccess;
  });
}

// Tells every stream to end, lets them, and waits for it.
void EndAllStreams(State& state) {
  {
    const HiddenLock lock(state.mutex);
    for (auto& [handle, stream] : state.streams) {
      stream->Stop(++state.last_ticket);
      state.ending_streams.push_back(std::move(stream));
    }
    state.streams.clear();
    state.gate.OpenUpTo(state.last_ticket);
  }
  for (auto& stream : state.ending_streams) stream->Join();
  const HiddenLock lock(state.mutex);
  state.ending_streams.clear();
}

void AppendLive(std::vector<std::string>* problems) {
  const LiveObjects live = Live();
  if (!(live == LiveObjects())) problems->push_back("still alive: " + live.ToString());
}

// What is wrong, after all streams have ended.
std::vector<std::string> Problems(State& state) {
  std::vector<std::string> problems = Violations();
  state.memory.CheckGuards(&problems);
  return problems;
}

void FreeEverything(State& state) {
  const HiddenLock lock(state.mutex);
  state.events.clear();
  state.graphs.clear();
  state.executables.clear();
  state.green_contexts.clear();
  state.green_descriptions.clear();
  state.libraries.clear();
  state.max_shared_bytes.clear();
  state.memory.Clear();
  state.counters = AllCounters();
  state.lost.store(cudaSuccess, std::memory_order_relaxed);
  state.gate.Shut();
  state.last_ticket = 0;
  state.num_streams_made = 0;
}

void ReportAtExit() {
  for (const std::string& problem : Finish()) std::fprintf(stderr, "fake CUDA runtime: %s\n", problem.c_str());
}

}  // namespace

State& TheState() {
  static State* const state = [] {
    std::atexit(ReportAtExit);
    return new State;
  }();
  return *state;
}

void AddViolation(std::string what) {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.violations_mutex);
  state.violations.push_back(std::move(what));
}

void LoseDevice(cudaError_t error) {
  int none = cudaSuccess;
  TheState().lost.compare_exchange_strong(none, error, std::memory_order_relaxed);
}

cudaError_t BeginCall() {
  State& state = TheState();
  if (!state.options.has_driver) return cudaErrorInsufficientDriver;
  if (state.options.num_devices == 0) return cudaErrorNoDevice;
  if (state.counters.calls.Add() == state.options.lose_at_call) LoseDevice(state.options.lost_error);
  return static_cast<cudaError_t>(state.lost.load(std::memory_order_relaxed));
}

cudaError_t EndCall(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

cudaError_t Refuse(cudaError_t error, const std::string& why) {
  AddViolation(absl::StrCat(why, " (", GetErrorName(error), ")"));
  return error;
}

Stream* FindStream(State& state, cudaStream_t stream) {
  const auto it = state.streams.find(stream);
  if (it != state.streams.end()) return it->second.get();
  AddViolation(stream == nullptr ? "the null stream was used" : "a stream was used that is not there");
  return nullptr;
}

Event* FindEvent(State& state, cudaEvent_t event) {
  const auto it = state.events.find(event);
  if (it != state.events.end()) return it->second.get();
  AddViolation("an event was used that is not there");
  return nullptr;
}

cudaError_t RefuseToWait(Capture& capture, const char* call) {
  capture.is_invalid = true;
  return Refuse(cudaErrorStreamCaptureUnsupported, absl::StrCat(call, " while capturing"));
}

cudaError_t CheckNotCapturing(State& state, const char* call) {
  for (auto& [handle, stream] : state.streams) {
    Capture* capture = stream->capture.get();
    if (capture == nullptr || capture->origin != stream.get()) continue;
    const bool forbids =
        capture->mode == cudaStreamCaptureModeGlobal ||
        (capture->mode == cudaStreamCaptureModeThreadLocal && capture->thread == std::this_thread::get_id());
    if (forbids) return RefuseToWait(*capture, call);
  }
  return cudaSuccess;
}

cudaError_t Enqueue(State& state, Stream& stream, Work work) {
  if (stream.green != nullptr && work.is_kernel) ++state.green_contexts.at(stream.green)->kernels;
  if (stream.capture == nullptr) {
    stream.Push(++state.last_ticket, [work = std::move(work)] { Execute(work); });
    return cudaSuccess;
  }
  if (stream.capture->is_invalid) return cudaErrorStreamCaptureInvalidated;
  state.counters.captured_nodes.Add();
  std::vector<GraphNode>& nodes = stream.capture->graph->nodes;
  const int node = static_cast<int>(nodes.size());
  nodes.push_back({std::move(work), std::move(stream.captured_after), nullptr});
  stream.captured_after = {node};
  return cudaSuccess;
}

std::shared_ptr<Record> Mark(State& state, Stream& stream) {
  auto record = std::make_shared<Record>();
  record->stream_number = stream.number;
  record->ticket = ++state.last_ticket;
  // The operation keeps the record alive until the host has waited for what follows it.
  stream.Push(record->ticket, [record] {
    record->time_ns.store(NowNs(), std::memory_order_relaxed);
    record->done.Set();
  });
  return record;
}

void OpenGate(State& state) { state.gate.OpenUpTo(state.last_ticket); }

void ForgetBefore(State& state, const Record& record) {
  for (auto& [handle, stream] : state.streams) {
    if (stream->number == record.stream_number) stream->Forget(record.ticket);
  }
}

void WaitFor(State& state, const std::shared_ptr<Record>& record) {
  record->done.Wait();
  const HiddenLock lock(state.mutex);
  ForgetBefore(state, *record);
}

cudaError_t EnqueueHostWork(cudaStream_t handle, std::function<void()> work) {
  return Call([&](State& state) {
    Stream* stream = FindStream(state, handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    return Enqueue(state, *stream, {"work of the host", std::move(work), {}, false});
  });
}

void SetCodeLoader(std::function<std::shared_ptr<CodeModule>(const void* code)> loader) {
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  state.code_loader = std::move(loader);
}

std::vector<std::string> Violations() {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.violations_mutex);
  return state.violations;
}

bool IsLost() { return TheState().lost.load(std::memory_order_relaxed) != cudaSuccess; }

CounterValues Counters() {
  const AllCounters& c = TheState().counters;
  CounterValues values;
  values.calls = c.calls.value();
  values.mallocs = c.mallocs.value();
  values.frees = c.frees.value();
  values.host_allocs = c.host_allocs.value();
  values.host_frees = c.host_frees.value();
  values.synchronizations = c.synchronizations.value();
  values.event_queries = c.event_queries.value();
  values.launches = c.launches.value();
  values.memcpys = c.memcpys.value();
  values.memsets = c.memsets.value();
  values.captured_nodes = c.captured_nodes.value();
  values.graph_launches = c.graph_launches.value();
  values.pageable_memcpys = c.pageable_memcpys.value();
  values.kernels_run = c.kernels_run.value();
  return values;
}

LiveObjects Live() {
  State& state = TheState();
  const HiddenLock lock(state.mutex);
  LiveObjects live;
  live.device_blocks = state.memory.LiveBlocks(MemoryKind::kDevice);
  live.host_blocks = state.memory.LiveBlocks(MemoryKind::kPinned);
  live.device_bytes = state.memory.LiveBytes(MemoryKind::kDevice);
  live.host_bytes = state.memory.LiveBytes(MemoryKind::kPinned);
  live.streams = static_cast<int64_t>(state.streams.size());
  live.events = static_cast<int64_t>(state.events.size());
  live.graphs = static_cast<int64_t>(state.graphs.size());
  live.executables = static_cast<int64_t>(state.executables.size());
  live.green_contexts = static_cast<int64_t>(state.green_contexts.size());
  live.libraries = static_cast<int64_t>(state.libraries.size());
  return live;
}

std::string LiveObjects::ToString() const {
  return absl::StrCat(device_blocks, " device blocks (", device_bytes, " bytes), ", host_blocks, " pinned blocks (",
                      host_bytes, " bytes), ", streams, " streams, ", events, " events, ", graphs, " graphs, ",
                      executables, " executable graphs, ", libraries, " libraries, ", green_contexts,
                      " green contexts");
}

std::vector<std::string> Finish() {
  State& state = TheState();
  std::vector<std::string> leaks;
  AppendLive(&leaks);
  EndAllStreams(state);
  std::vector<std::string> problems = Problems(state);
  problems.insert(problems.end(), leaks.begin(), leaks.end());
  FreeEverything(state);
  const std::lock_guard<std::mutex> lock(state.violations_mutex);
  state.violations.clear();
  return problems;
}

void Reset(const Options& options) {
  for (const std::string& problem : Finish()) std::fprintf(stderr, "fake CUDA runtime: %s\n", problem.c_str());
  TheState().options = options;
}

const cuda::CudaApi& Api() {
  static constexpr cuda::CudaApi kApi = {
      .GetDeviceCount = GetDeviceCount,
      .DriverGetVersion = DriverGetVersion,
      .RuntimeGetVersion = RuntimeGetVersion,
      .SetDevice = SetDevice,
      .GetDeviceProperties = GetDeviceProperties,
      .DeviceGetStreamPriorityRange = DeviceGetStreamPriorityRange,
      .DeviceSynchronize = DeviceSynchronize,
      .MemGetInfo = MemGetInfo,
      .GetErrorName = GetErrorName,
      .GetErrorString = GetErrorString,
      .GetLastError = GetLastError,
      .Malloc = Malloc,
      .Free = Free,
      .HostAlloc = HostAlloc,
      .FreeHost = FreeHost,
      .MemcpyAsync = MemcpyAsync,
      .MemsetAsync = MemsetAsync,
      .StreamCreateWithPriority = StreamCreateWithPriority,
      .StreamDestroy = StreamDestroy,
      .StreamSynchronize = StreamSynchronize,
      .StreamWaitEvent = StreamWaitEvent,
      .EventCreateWithFlags = EventCreateWithFlags,
      .EventDestroy = EventDestroy,
      .EventRecord = EventRecord,
      .EventQuery = EventQuery,
      .EventSynchronize = EventSynchronize,
      .EventElapsedTime = EventElapsedTime,
      .StreamBeginCapture = StreamBeginCapture,
      .StreamEndCapture = StreamEndCapture,
      .GraphInstantiate = GraphInstantiate,
      .GraphUpload = GraphUpload,
      .GraphLaunch = GraphLaunch,
      .GraphDestroy = GraphDestroy,
      .GraphExecDestroy = GraphExecDestroy,
      .StreamGetCaptureInfo = StreamGetCaptureInfo,
      .StreamUpdateCaptureDependencies = StreamUpdateCaptureDependencies,
      .StreamBeginCaptureToGraph = StreamBeginCaptureToGraph,
      .GraphConditionalHandleCreate = GraphConditionalHandleCreate,
      .GraphAddNode = GraphAddNode,
      .LibraryLoadData = LibraryLoadData,
      .LibraryUnload = LibraryUnload,
      .LibraryGetKernel = LibraryGetKernel,
      .LaunchKernelExC = LaunchKernelExC,
      .FuncSetAttribute = FuncSetAttribute,
      .GetDriverEntryPointByVersion = GetDriverEntryPointByVersion,
  };
  return kApi;
}

}  // namespace moulin::fake_cuda
