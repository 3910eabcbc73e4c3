// Appends primitives to a graph, inferring types as it goes. The importer's lowerings and the passes are written on it.
#ifndef MOULIN_OPS_GRAPH_BUILDER_H_
#define MOULIN_OPS_GRAPH_BUILDER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/limits.h"
#include "ir/graph.h"
#include "ops/op_def.h"

namespace moulin {

// The first error sticks: later calls do nothing and return kNoId (which every method accepts as an input), so that a
// lowering reads as straight-line code and ends with `return b.status();`. Not thread-safe.
class GraphBuilder {
 public:
  GraphBuilder(Graph* graph, const Limits& limits) : graph_(graph), limits_(limits) {}

  // Name and op that the nodes added from now on carry.
  void SetOrigin(absl::string_view node_name, absl::string_view tf_op);

  Graph& graph() { return *graph_; }
  const Limits& limits() const { return limits_; }
  const Status& status() const { return status_; }
  bool ok() const { return status_.ok(); }
  // Keeps the first error.
  void Fail(Status status);

  // A node with one output, or (AddMulti) any number of them. A node all of whose inputs are constants of at most
  // kFoldElements elements, and a shape that is known, are folded at once, so that lowerings may compute sizes by
  // adding nodes and read them back as constants.
  ValueId Add(OpKind kind, Attrs attrs, absl::Span<const ValueId> inputs);
  ValueId Add(OpKind kind, Attrs attrs, std::initializer_list<ValueId> inputs) {
    return Add(kind, std::move(attrs), absl::MakeConstSpan(inputs.begin(), inputs.size()));
  }
  std::vector<ValueId> AddMulti(OpKind kind, Attrs attrs, absl::Span<const ValueId> inputs);
  static constexpr int64_t kFoldElements = 4096;

  ValueId Constant(Tensor value) { return graph_->AddConstant(std::move(value)); }
  ValueId Ints(std::initializer_list<int64_t> values);  // int64 vector
  ValueId Ints(absl::Span<const int64_t> values);
  ValueId Int(int64_t value);                // int64 scalar
  ValueId Scalar(DType type, double value);  // a scalar of any numeric type
  ValueId ScalarLike(ValueId x, double value) { return Scalar(dtype(x), value); }

  // Elementwise: the inputs' types become those of the expression's inputs.
  ValueId Map(Expr expr, absl::Span<const ValueId> inputs);
  ValueId Map(Expr expr, std::initializer_list<ValueId> inputs) {
    return Map(std::move(expr), absl::MakeConstSpan(inputs.begin(), inputs.size()));
  }
  ValueId Unary(ExprOp op, ValueId x);
  ValueId Binary(ExprOp op, ValueId x, ValueId y);
  ValueId Select(ValueId condition, ValueId x, ValueId y);
  ValueId Cast(ValueId x, DType to);  // x itself where it has the type

  // The most common data movement; the second operand may be a constant or computed.
  ValueId Reshape(ValueId x, ValueId shape);
  ValueId Transpose(ValueId x, absl::Span<const int64_t> permutation);
  ValueId ExpandDims(ValueId x, int64_t axis);
  ValueId Squeeze(ValueId x, std::vector<int64_t> axes);
  ValueId Reduce(ReduceOp op, ValueId x, absl::Span<const int64_t> axes, bool keep_dims);
  ValueId Concat(absl::Span<const ValueId> xs, int64_t axis);
  ValueId ShapeOf(ValueId x);  // int64 vector

  // Facts about values; harmless for kNoId (kInvalid, unknown rank, null).
  DType dtype(ValueId x) const;
  const PartialShape& shape(ValueId x) const;
  const Tensor* constant(ValueId x) const;
  // The integers of a constant int32 or int64 tensor; false where it is not one.
  bool ConstantInts(ValueId x, std::vector<int64_t>* values) const;

 private:
  // The node's results where they can be had now; false where the node must be added.
  bool Fold(const Node& node, absl::Span<const TensorType> types, std::vector<Tensor>* folded) const;

  Graph* graph_;
  Limits limits_;
  Status status_;
  std::string node_name_;
  std::string tf_op_;
};

// Reads integers from an int32 or int64 tensor (also int8/16 and unsigned).
StatusOr<std::vector<int64_t>> IntValues(const Tensor& t);

}  // namespace moulin

#endif  // MOULIN_OPS_GRAPH_BUILDER_H_
