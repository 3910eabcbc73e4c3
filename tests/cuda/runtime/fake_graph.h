// Graphs of the stand-in for the CUDA runtime (fake_cuda.h).
#ifndef MOULIN_TESTS_CUDA_RUNTIME_FAKE_GRAPH_H_
#define MOULIN_TESTS_CUDA_RUNTIME_FAKE_GRAPH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/fake_stream.h"

namespace moulin::fake_cuda {

// What conditional nodes branch by. Handles are addresses of `value`, which kernels write (emulator/emulator.h).
struct Condition {
  static constexpr unsigned kUnset = ~0u;
  unsigned value = kUnset;
  bool has_node = false;
};

// Runs one of its graphs, or one again and again, as the condition says.
struct ConditionalNode {
  cudaGraphConditionalNodeType type = cudaGraphCondTypeIf;
  std::shared_ptr<Condition> condition;
  std::vector<std::shared_ptr<Graph>> bodies;
  std::vector<cudaGraph_t> handles;  // of the bodies, as GraphAddNode tells them
};

// A node of a graph; its handle is its number in the graph, from 1.
struct GraphNode {
  Work work;
  std::vector<int> dependencies;                       // earlier nodes
  std::shared_ptr<const ConditionalNode> conditional;  // instead of work
};

struct Executable;

struct Graph {
  std::vector<GraphNode> nodes;
  std::vector<std::shared_ptr<Condition>> conditions;  // made for it
  std::weak_ptr<Executable> executable;                // the last one
};

// Whether every node comes before one of `ends`.
bool AllJoined(const std::vector<GraphNode>& nodes, const std::vector<int>& ends);

// Whether any node branches.
bool HasConditionals(const std::vector<GraphNode>& nodes);

// The graph of this handle: `graph` or one within its nodes; null where there is none.
std::shared_ptr<Graph> FindWithin(const std::shared_ptr<Graph>& graph, cudaGraph_t handle);

// Nodes as chains: each node of a chain depends on the one before it, and chains run at once but for the other
// dependencies. Immutable but for `last_launch`.
struct Executable {
  explicit Executable(const std::vector<GraphNode>& graph_nodes);

  std::vector<GraphNode> nodes;
  std::vector<std::vector<Executable>> bodies;  // per node
  std::vector<std::vector<int>> chains;
  std::shared_ptr<Record> last_launch;  // under the runtime's lock: a launch waits for the one before it
};

// Runs all nodes, each chain on a thread of its own; the caller's thread is the first chain's. A conditional node that
// nobody has set the condition of, since it was looked at last, is a violation, and runs nothing.
void RunGraph(const Executable& executable, uint64_t salt);

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_FAKE_GRAPH_H_
