#include "absl/strings/str_cat.h"
#include "runtime/fake_calls.h"

namespace moulin::fake_cuda {
namespace {

// The result of ending this capture with the stream where it began; cudaSuccess where a graph is made.
cudaError_t EndOf(const Capture& capture, const Stream& stream) {
  if (capture.is_invalid) return cudaErrorStreamCaptureInvalidated;
  if (!AllJoined(capture.graph->nodes, stream.captured_after)) {
    return Refuse(cudaErrorStreamCaptureUnjoined, "a capture ends with work that the first stream does not wait for");
  }
  return cudaSuccess;
}

std::shared_ptr<Executable> FindExecutable(State& state, cudaGraphExec_t handle) {
  const auto it = state.executables.find(handle);
  return it == state.executables.end() ? nullptr : it->second;
}

// Appends a launch that waits for the one before it, in whatever stream that is.
void PushLaunch(State& state, Stream& stream, const std::shared_ptr<Executable>& executable) {
  auto record = std::make_shared<Record>();
  record->stream_number = stream.number;
  record->ticket = ++state.last_ticket;
  stream.Push(record->ticket, [executable, record, before = std::move(executable->last_launch)] {
    if (before != nullptr) before->done.Wait();
    RunGraph(*executable, static_cast<uint64_t>(record->ticket) << 20);
    record->done.Set();
  });
  executable->last_launch = record;
}

cudaError_t Begin(Stream* stream, std::shared_ptr<Graph> graph, cudaStreamCaptureMode mode) {
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (stream->capture != nullptr) return Refuse(cudaErrorIllegalState, "the stream is capturing already");
  stream->capture = std::make_shared<Capture>();
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  stream->capture->origin = stream;
  stream->capture->graph = std::move(graph);
  stream->captured_after.clear();
  return cudaSuccess;
}

}  // namespace

cudaError_t StreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return Call([&](State& state) { return Begin(FindStream(state, stream), std::make_shared<Graph>(), mode); });
}

cudaError_t StreamBeginCaptureToGraph(cudaStream_t handle, cudaGraph_t graph_handle, const cudaGraphNode_t*,
                                      const cudaGraphEdgeData*, size_t num_dependencies, cudaStreamCaptureMode mode) {
  return Call([&](State& state) {
    Stream* stream = FindStream(state, handle);
    std::shared_ptr<Graph> graph = FindGraph(state, graph_handle);
    if (graph == nullptr) return Refuse(cudaErrorInvalidValue, "StreamBeginCaptureToGraph of no graph");
    if (num_dependencies != 0 || !graph->nodes.empty()) return cudaErrorNotSupported;
    if (stream != nullptr && stream->green != nullptr) {
      return Refuse(cudaErrorNotSupported, "a conditional node's graph in a green context");
    }
    const cudaError_t error = Begin(stream, std::move(graph), mode);
    if (error == cudaSuccess) stream->capture->is_into_graph = true;
    return error;
  });
}

cudaError_t StreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  return DestroyCall([&](State& state) {
    *graph = nullptr;
    Stream* stream = FindStream(state, handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    const std::shared_ptr<Capture> capture = stream->capture;
    if (capture == nullptr) return Refuse(cudaErrorIllegalState, "StreamEndCapture of a stream that is not capturing");
    if (capture->origin != stream) {
      capture->is_invalid = true;
      return Refuse(cudaErrorStreamCaptureUnmatched, "a capture ends in another stream than it began in");
    }
    if (capture->mode != cudaStreamCaptureModeRelaxed && capture->thread != std::this_thread::get_id()) {
      capture->is_invalid = true;
      return Refuse(cudaErrorStreamCaptureWrongThread, "a capture ends in another thread than it began in");
    }
    const cudaError_t error = EndOf(*capture, *stream);
    capture->has_ended = true;
    for (auto& [key, other] : state.streams) {
      if (other->capture != capture) continue;
      other->capture = nullptr;
      other->captured_after.clear();
    }
    if (error != cudaSuccess) return error;
    *graph = reinterpret_cast<cudaGraph_t>(capture->graph.get());
    if (!capture->is_into_graph) state.graphs[*graph] = capture->graph;
    return cudaSuccess;
  });
}

cudaError_t GraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  return Call([&](State& state) {
    const auto it = state.graphs.find(graph);
    if (it == state.graphs.end()) return Refuse(cudaErrorInvalidValue, "GraphInstantiate of no graph");
    if ((flags &
         ~static_cast<unsigned long long>(cudaGraphInstantiateFlagUpload | cudaGraphInstantiateFlagAutoFreeOnLaunch |
                                          cudaGraphInstantiateFlagUseNodePriority)) != 0) {
      return cudaErrorNotSupported;
    }
    Graph& source = *it->second;
    const cudaError_t error = CheckConditionals(source);
    if (error != cudaSuccess) return error;
    auto made = std::make_shared<Executable>(source.nodes);
    source.executable = made;
    *executable = reinterpret_cast<cudaGraphExec_t>(made.get());
    state.executables[*executable] = std::move(made);
    return cudaSuccess;
  });
}

cudaError_t GraphUpload(cudaGraphExec_t executable, cudaStream_t stream) {
  return Call([&](State& state) {
    const bool is_valid = FindExecutable(state, executable) != nullptr && FindStream(state, stream) != nullptr;
    return is_valid ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t GraphLaunch(cudaGraphExec_t handle, cudaStream_t stream_handle) {
  return Call([&](State& state) {
    const std::shared_ptr<Executable> executable = FindExecutable(state, handle);
    if (executable == nullptr) return Refuse(cudaErrorInvalidValue, "GraphLaunch of no executable graph");
    Stream* stream = FindStream(state, stream_handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (state.counters.graph_launch_calls.Add() == state.options.fail_graph_launch) {
      return cudaErrorLaunchOutOfResources;
    }
    if (stream->capture != nullptr) {
      if (HasConditionals(executable->nodes)) return Refuse(cudaErrorNotSupported, "a child graph that branches");
      return Enqueue(state, *stream, {"a graph", [executable] { RunGraph(*executable, 0); }, {}, false});
    }
    state.counters.graph_launches.Add();
    PushLaunch(state, *stream, executable);
    return cudaSuccess;
  });
}

cudaError_t GraphDestroy(cudaGraph_t graph) {
  return DestroyCall([&](State& state) {
    return state.graphs.erase(graph) == 0 ? Refuse(cudaErrorInvalidValue, "GraphDestroy of no graph") : cudaSuccess;
  });
}

cudaError_t GraphExecDestroy(cudaGraphExec_t executable) {
  return DestroyCall([&](State& state) {
    if (state.executables.erase(executable) == 0) {
      return Refuse(cudaErrorInvalidValue, "GraphExecDestroy of no executable graph");
    }
    return cudaSuccess;
  });
}

}  // namespace moulin::fake_cuda
