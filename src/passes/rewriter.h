// What the rewriting passes share: one sweep over the nodes, replacements gathered on the way and made at the end.
#ifndef MOULIN_PASSES_REWRITER_H_
#define MOULIN_PASSES_REWRITER_H_

#include <utility>
#include <vector>

#include "ir/graph.h"
#include "ops/graph_builder.h"
#include "passes/pass.h"

namespace moulin {

// Use:
//   Rewriter rewriter(graph, options);
//   for (NodeId id = 0; id < rewriter.num_nodes(); ++id) {
//     rewriter.Visit(id);
//     ... rewriter.Replace(old_value, new_value) ...
//   }
//   return rewriter.Finish();
// Nodes that the builder adds during the sweep are not visited. The whole costs a few walks over the graph.
class Rewriter {
 public:
  Rewriter(Graph* graph, const PassOptions& options)
      : graph_(*graph), builder_(graph, options.limits), num_nodes_(graph->num_nodes()) {}

  Graph& graph() { return graph_; }
  // Adds nodes, which carry the origin of the node visited last.
  GraphBuilder& builder() { return builder_; }
  int num_nodes() const { return num_nodes_; }  // that were there at the start

  // Makes node `id` read what stands for its inputs by now, and builder() carry its origin.
  void Visit(NodeId id);

  // What stands for `value` by now.
  ValueId Resolve(ValueId value) const;

  // Lets `to` stand for `from`, with its names and what is known of its shape. Nothing where `to` is kNoId.
  void Replace(ValueId from, ValueId to);

  // To be called where a node was changed in place.
  void MarkChanged() { changed_ = true; }

  // Makes the replacements and compacts the graph; whether anything changed. The builder's error where it has one.
  StatusOr<bool> Finish();

 private:
  Graph& graph_;
  GraphBuilder builder_;
  const int num_nodes_;
  bool changed_ = false;
  std::vector<ValueId> stands_for_;  // by value; kNoId or past the end: the value itself
  std::vector<std::pair<ValueId, ValueId>> replacements_;
};

}  // namespace moulin

#endif  // MOULIN_PASSES_REWRITER_H_
