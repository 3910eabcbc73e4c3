#include "runtime/fake_graph.h"

#include <algorithm>
#include <thread>

namespace moulin::fake_cuda {

bool AllJoined(const std::vector<GraphNode>& nodes, const std::vector<int>& ends) {
  std::vector<bool> is_before_end(nodes.size());
  for (int end : ends) is_before_end[end] = true;
  for (int i = static_cast<int>(nodes.size()) - 1; i >= 0; --i) {
    if (!is_before_end[i]) return false;
    for (int d : nodes[i].dependencies) is_before_end[d] = true;
  }
  return true;
}

Executable::Executable(const std::vector<GraphNode>& graph_nodes) : nodes(graph_nodes) {
  std::vector<int> chain_ending_in(nodes.size(), -1);
  for (int i = 0; i < static_cast<int>(nodes.size()); ++i) {
    int chain = -1;
    for (int d : nodes[i].dependencies) {
      if (chain_ending_in[d] < 0) continue;
      std::swap(chain, chain_ending_in[d]);
      break;
    }
    if (chain < 0) {
      chain = static_cast<int>(chains.size());
      chains.emplace_back();
    }
    chains[chain].push_back(i);
    chain_ending_in[i] = chain;
  }
}

void RunGraph(const Executable& executable, uint64_t salt) {
  std::vector<Flag> done(executable.nodes.size());
  const auto run_chain = [&](const std::vector<int>& chain) {
    for (int i : chain) {
      for (int d : executable.nodes[i].dependencies) done[d].Wait();
      DelayAtRandom(salt + i);
      Execute(executable.nodes[i].work);
      done[i].Set();
    }
  };
  std::vector<std::thread> threads;
  for (size_t c = 1; c < executable.chains.size(); ++c) {
    threads.emplace_back([&, c] { run_chain(executable.chains[c]); });
  }
  if (!executable.chains.empty()) run_chain(executable.chains[0]);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace moulin::fake_cuda
