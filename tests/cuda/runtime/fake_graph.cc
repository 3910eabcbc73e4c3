#include "runtime/fake_graph.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "runtime/fake_state.h"

namespace moulin::fake_cuda {
namespace {

bool IsLostNow() { return TheState().lost.load(std::memory_order_relaxed) != cudaSuccess; }

// What a node branches by; it has to be set anew before the next look.
unsigned Take(const ConditionalNode& node) {
  const unsigned value = std::exchange(node.condition->value, Condition::kUnset);
  if (value == Condition::kUnset && !IsLostNow()) AddViolation("nothing has set the condition of a conditional node");
  return value;
}

void RunConditional(const ConditionalNode& node, const std::vector<Executable>& bodies, uint64_t salt) {
  const auto run = [&](size_t body) {
    if (body < bodies.size() && !IsLostNow()) RunGraph(bodies[body], salt);
  };
  unsigned value = Take(node);
  if (value == Condition::kUnset) return;
  switch (node.type) {
    case cudaGraphCondTypeIf:
      return run(value != 0 ? 0 : 1);
    case cudaGraphCondTypeSwitch:
      return run(value);
    case cudaGraphCondTypeWhile:
      for (; value != 0 && value != Condition::kUnset; value = Take(node)) run(0);
      return;
  }
}

}  // namespace

bool AllJoined(const std::vector<GraphNode>& nodes, const std::vector<int>& ends) {
  std::vector<bool> is_before_end(nodes.size());
  for (int end : ends) is_before_end[end] = true;
  for (int i = static_cast<int>(nodes.size()) - 1; i >= 0; --i) {
    if (!is_before_end[i]) return false;
    for (int d : nodes[i].dependencies) is_before_end[d] = true;
  }
  return true;
}

bool HasConditionals(const std::vector<GraphNode>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [](const GraphNode& node) { return node.conditional != nullptr; });
}

std::shared_ptr<Graph> FindWithin(const std::shared_ptr<Graph>& graph, cudaGraph_t handle) {
  if (reinterpret_cast<cudaGraph_t>(graph.get()) == handle) return graph;
  for (const GraphNode& node : graph->nodes) {
    if (node.conditional == nullptr) continue;
    for (const std::shared_ptr<Graph>& body : node.conditional->bodies) {
      if (std::shared_ptr<Graph> found = FindWithin(body, handle)) return found;
    }
  }
  return nullptr;
}

Executable::Executable(const std::vector<GraphNode>& graph_nodes) : nodes(graph_nodes), bodies(nodes.size()) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].conditional == nullptr) continue;
    for (const std::shared_ptr<Graph>& body : nodes[i].conditional->bodies) bodies[i].emplace_back(body->nodes);
  }
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
      const GraphNode& node = executable.nodes[i];
      if (node.conditional != nullptr) {
        RunConditional(*node.conditional, executable.bodies[i], salt + i);
      } else {
        Execute(node.work);
      }
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
