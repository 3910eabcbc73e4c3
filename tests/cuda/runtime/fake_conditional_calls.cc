// Calls for choices and loops in graphs.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/fake_calls.h"

namespace moulin::fake_cuda {
namespace {

cudaGraphNode_t HandleOf(int node) { return reinterpret_cast<cudaGraphNode_t>(static_cast<intptr_t>(node) + 1); }

// The numbers of nodes of a graph; false where one is not of it.
bool NodesOf(const Graph& graph, const cudaGraphNode_t* handles, size_t count, std::vector<int>* nodes) {
  for (size_t i = 0; i < count; ++i) {
    const auto number = static_cast<int>(reinterpret_cast<intptr_t>(handles[i])) - 1;
    if (number < 0 || number >= static_cast<int>(graph.nodes.size())) return false;
    nodes->push_back(number);
  }
  return true;
}

bool IsValidSize(const cudaConditionalNodeParams& params) {
  switch (params.type) {
    case cudaGraphCondTypeIf:
      return params.size == 1 || params.size == 2;
    case cudaGraphCondTypeWhile:
      return params.size == 1;
    case cudaGraphCondTypeSwitch:
      return params.size >= 1;
  }
  return false;
}

// The condition of a handle, which must have been made for this graph and have no node yet.
std::shared_ptr<Condition> TakeCondition(const Graph& graph, cudaGraphConditionalHandle handle) {
  for (const std::shared_ptr<Condition>& condition : graph.conditions) {
    if (reinterpret_cast<cudaGraphConditionalHandle>(&condition->value) != handle || condition->has_node) continue;
    condition->has_node = true;
    return condition;
  }
  return nullptr;
}

}  // namespace

std::shared_ptr<Graph> FindGraph(State& state, cudaGraph_t handle) {
  for (const auto& [key, graph] : state.graphs) {
    if (std::shared_ptr<Graph> found = FindWithin(graph, handle)) return found;
  }
  for (const auto& [key, stream] : state.streams) {
    if (stream->capture == nullptr) continue;
    if (std::shared_ptr<Graph> found = FindWithin(stream->capture->graph, handle)) return found;
  }
  return nullptr;
}

cudaError_t StreamGetCaptureInfo(cudaStream_t handle, cudaStreamCaptureStatus* status, unsigned long long* id,
                                 cudaGraph_t* graph, const cudaGraphNode_t** dependencies,
                                 const cudaGraphEdgeData** edges, size_t* num_dependencies) {
  return Call([&](State& state) {
    Stream* stream = FindStream(state, handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (id != nullptr || edges != nullptr) return cudaErrorNotSupported;
    *status = stream->capture == nullptr    ? cudaStreamCaptureStatusNone
              : stream->capture->is_invalid ? cudaStreamCaptureStatusInvalidated
                                            : cudaStreamCaptureStatusActive;
    if (*status != cudaStreamCaptureStatusActive) return cudaSuccess;
    if (graph != nullptr) *graph = reinterpret_cast<cudaGraph_t>(stream->capture->graph.get());
    stream->dependency_handles.clear();
    for (int node : stream->captured_after) stream->dependency_handles.push_back(HandleOf(node));
    if (dependencies != nullptr) *dependencies = stream->dependency_handles.data();
    if (num_dependencies != nullptr) *num_dependencies = stream->dependency_handles.size();
    return cudaSuccess;
  });
}

cudaError_t StreamUpdateCaptureDependencies(cudaStream_t handle, cudaGraphNode_t* dependencies,
                                            const cudaGraphEdgeData* edges, size_t num_dependencies, unsigned flags) {
  return Call([&](State& state) {
    Stream* stream = FindStream(state, handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->capture == nullptr) return cudaErrorIllegalState;
    if (edges != nullptr || flags != cudaStreamSetCaptureDependencies) return cudaErrorNotSupported;
    std::vector<int> nodes;
    if (!NodesOf(*stream->capture->graph, dependencies, num_dependencies, &nodes)) {
      return Refuse(cudaErrorInvalidValue, "a stream is to wait for a node that is not of its graph");
    }
    stream->captured_after = std::move(nodes);
    return cudaSuccess;
  });
}

cudaError_t GraphConditionalHandleCreate(cudaGraphConditionalHandle* handle, cudaGraph_t graph_handle, unsigned,
                                         unsigned flags) {
  return Call([&](State& state) {
    const std::shared_ptr<Graph> graph = FindGraph(state, graph_handle);
    if (graph == nullptr) return Refuse(cudaErrorInvalidValue, "GraphConditionalHandleCreate for no graph");
    if (flags != 0) return cudaErrorNotSupported;
    graph->conditions.push_back(std::make_shared<Condition>());
    *handle = reinterpret_cast<cudaGraphConditionalHandle>(&graph->conditions.back()->value);
    return cudaSuccess;
  });
}

cudaError_t GraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph_handle, const cudaGraphNode_t* dependencies,
                         const cudaGraphEdgeData* edges, size_t num_dependencies, cudaGraphNodeParams* parameters) {
  return Call([&](State& state) {
    const std::shared_ptr<Graph> graph = FindGraph(state, graph_handle);
    if (graph == nullptr) return Refuse(cudaErrorInvalidValue, "GraphAddNode to no graph");
    if (parameters->type != cudaGraphNodeTypeConditional || edges != nullptr) return cudaErrorNotSupported;
    cudaConditionalNodeParams& params = parameters->conditional;
    GraphNode made;
    if (!IsValidSize(params) || !NodesOf(*graph, dependencies, num_dependencies, &made.dependencies)) {
      return Refuse(cudaErrorInvalidValue, "GraphAddNode with a wrong number of graphs, or behind nodes of others");
    }
    auto conditional = std::make_shared<ConditionalNode>();
    conditional->type = params.type;
    conditional->condition = TakeCondition(*graph, params.handle);
    if (conditional->condition == nullptr) {
      return Refuse(cudaErrorInvalidValue, "GraphAddNode with a handle of another graph, or of another node");
    }
    for (unsigned i = 0; i < params.size; ++i) {
      conditional->bodies.push_back(std::make_shared<Graph>());
      conditional->handles.push_back(reinterpret_cast<cudaGraph_t>(conditional->bodies.back().get()));
    }
    params.phGraph_out = conditional->handles.data();
    made.conditional = std::move(conditional);
    graph->nodes.push_back(std::move(made));
    *node = HandleOf(static_cast<int>(graph->nodes.size()) - 1);
    return cudaSuccess;
  });
}

cudaError_t CheckConditionals(const Graph& graph) {
  if (!HasConditionals(graph.nodes) && graph.conditions.empty()) return cudaSuccess;
  if (!graph.executable.expired()) {
    return Refuse(cudaErrorInvalidValue, "a graph that branches is instantiated a second time");
  }
  if (!std::all_of(graph.conditions.begin(), graph.conditions.end(), [](const auto& c) { return c->has_node; })) {
    return Refuse(cudaErrorInvalidValue, "a conditional handle without a node");
  }
  for (const GraphNode& node : graph.nodes) {
    if (node.conditional == nullptr) continue;
    for (const std::shared_ptr<Graph>& body : node.conditional->bodies) {
      const cudaError_t error = CheckConditionals(*body);
      if (error != cudaSuccess) return error;
    }
  }
  return cudaSuccess;
}

}  // namespace moulin::fake_cuda
