// A stage that is a choice or a loop, whose graphs are programs of their own.
#ifndef MOULIN_ENGINE_CONTROL_STAGE_H_
#define MOULIN_ENGINE_CONTROL_STAGE_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/program.h"
#include "ir/graph.h"

namespace moulin::internal {

// Immutable, but for the caches of its programs. Thread-safe.
class ControlStage {
 public:
  // `graph` has one node, a Case or a While.
  ControlStage(const Graph& graph, std::shared_ptr<ProgramContext> context);

  bool is_loop() const { return node_.kind == OpKind::kWhile; }
  std::string name() const;  // "While, driven from the host"

  // The operands of the node, from the inputs of the stage.
  std::vector<Tensor> Operands(absl::Span<const Tensor> inputs) const;
  // The outputs of the stage, from its inputs and the results of the node.
  Outputs OutputsOf(absl::Span<const Tensor> inputs, absl::Span<const Tensor> results) const;

  // Of a choice: the branch that an index chooses. E_VALUE where `index` is not one int32.
  StatusOr<Program*> Branch(const Tensor& index) const;
  // Of a loop.
  Program* condition() const { return regions_[0].get(); }
  Program* body() const { return regions_[1].get(); }
  // Replaces the variables that the body changes by its results; it leaves the others out.
  void Update(Outputs results, std::vector<Tensor>* variables) const;

 private:
  void AddRegion(const Graph& region, std::shared_ptr<ProgramContext> context);
  Tensor ValueOf(ValueId id, absl::Span<const Tensor> inputs, absl::Span<const Tensor> results) const;

  const Graph graph_;
  const Node& node_;
  std::vector<int> input_of_value_;  // by value: which input of the stage it is, or -1
  std::vector<std::unique_ptr<Program>> regions_;
  std::vector<int> changed_;  // of a loop: the variables that its body gives new values
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_CONTROL_STAGE_H_
