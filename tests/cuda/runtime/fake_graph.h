// Graphs of the stand-in for the CUDA runtime (fake_cuda.h).
#ifndef MOULIN_TESTS_CUDA_RUNTIME_FAKE_GRAPH_H_
#define MOULIN_TESTS_CUDA_RUNTIME_FAKE_GRAPH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/fake_stream.h"

namespace moulin::fake_cuda {

struct Graph {
  std::vector<GraphNode> nodes;
};

// Whether every node comes before one of `ends`.
bool AllJoined(const std::vector<GraphNode>& nodes, const std::vector<int>& ends);

// Nodes as chains: each node of a chain depends on the one before it, and chains run at once but for the other
// dependencies. Immutable but for `last_launch`.
struct Executable {
  explicit Executable(const std::vector<GraphNode>& graph_nodes);

  std::vector<GraphNode> nodes;
  std::vector<std::vector<int>> chains;
  std::shared_ptr<Record> last_launch;  // under the runtime's lock: a launch waits for the one before it
};

// Runs all nodes, each chain on a thread of its own; the caller's thread is the first chain's.
void RunGraph(const Executable& executable, uint64_t salt);

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_FAKE_GRAPH_H_
