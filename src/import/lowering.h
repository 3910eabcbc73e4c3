// How one TensorFlow node becomes primitives. A family of ops is a file in this folder: a table of names and functions
// (`Lower...`), listed in registry.cc; an op that ops/host_op.h has a kernel for and no family a row is kept as itself.
// docs/adding-an-op.md walks through one.
#ifndef MOULIN_IMPORT_LOWERING_H_
#define MOULIN_IMPORT_LOWERING_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/errors.h"
#include "base/limits.h"
#include "base/status_macros.h"
#include "ir/graph.h"
#include "ops/graph_builder.h"
#include "proto/graph.pb.h"

namespace moulin {

// A TensorFlow node being lowered: its data inputs as IR values, its attributes, and the builder to append to.
// Attribute getters return the default where the attribute is absent (old graphs leave defaults out); an attribute of
// the wrong kind fails the builder with E_ATTR, naming it.
class LoweringContext {
 public:
  LoweringContext(const tf::NodeDef& node, std::vector<ValueId> inputs, GraphBuilder* builder)
      : b(*builder), node_(node), inputs_(std::move(inputs)) {}

  GraphBuilder& b;

  const std::string& name() const { return node_.name(); }
  const std::string& op() const { return node_.op(); }
  const tf::NodeDef& node() const { return node_; }

  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  ValueId input(int i) const { return inputs_[i]; }  // arity has been checked against the table's row
  absl::Span<const ValueId> inputs() const { return inputs_; }
  DType dtype(int i) const { return b.dtype(inputs_[i]); }
  const PartialShape& shape(int i) const { return b.shape(inputs_[i]); }

  bool Has(absl::string_view attr) const;
  int64_t Int(absl::string_view attr, int64_t default_value);
  float Float(absl::string_view attr, float default_value);
  bool Bool(absl::string_view attr, bool default_value);
  std::string String(absl::string_view attr, absl::string_view default_value);
  DType Type(absl::string_view attr, DType default_value);
  std::vector<int64_t> Ints(absl::string_view attr);  // empty where absent
  std::vector<float> Floats(absl::string_view attr);
  std::vector<std::string> Strings(absl::string_view attr);
  std::vector<DType> Types(absl::string_view attr);
  PartialShape ShapeAttr(absl::string_view attr);  // unknown rank where absent

  // The integers of a constant input; where it is not constant (yet) the op is deferred until it is.
  std::vector<int64_t> ConstantInts(int i);

  // Gives the node's outputs, in order. A kNoId among them stands for an output that nothing supports (its readers
  // then are unsupported).
  void Output(ValueId value) { outputs_.push_back(value); }
  void Outputs(absl::Span<const ValueId> values) { outputs_.insert(outputs_.end(), values.begin(), values.end()); }
  absl::Span<const ValueId> outputs() const { return outputs_; }

  // Says that the elements of output 0 lie in this range, where the graph means it for their quantisation.
  void NoteRange(float min, float max) { range_ = {min, max}; }
  const std::optional<ValueRange>& range() const { return range_; }

  // Fails with E_UNSUPPORTED: valid TensorFlow that has no lowering (yet), collected and reported with all others.
  void Unsupported(absl::string_view reason);
  // Fails for now: something that the lowering needs (a rank, a size) is not known yet. The op is deferred: it is
  // lowered anew, from the start, when the shapes of its operands are known.
  void NotYet(absl::string_view waits_for);
  bool is_deferred() const { return !waits_for_.empty(); }
  const std::string& waits_for() const { return waits_for_; }
  InputMask constant_inputs() const { return constant_inputs_; }  // whose elements it waits for
  // Fails with E_ATTR.
  void BadAttr(absl::string_view attr, absl::string_view expected_vs_found);

 private:
  const tf::AttrValue* Find(absl::string_view attr) const;

  const tf::NodeDef& node_;
  std::vector<ValueId> inputs_;
  std::vector<ValueId> outputs_;
  std::optional<ValueRange> range_;
  std::string waits_for_;
  InputMask constant_inputs_ = 0;
};

// A row of a family's table.
struct OpLowering {
  const char* op;
  int min_inputs;
  int max_inputs;  // kAnyNumber: no bound
  void (*lower)(LoweringContext& c);
};

// The lowering of a TensorFlow op; null where there is none.
const OpLowering* FindLowering(absl::string_view op);
// Whether an op is kept as itself, with a kernel of the host alone (ops/host_op.h).
bool RunsOnHost(absl::string_view op);
// All rows, by name.
std::vector<const OpLowering*> AllLowerings();

// The families; each in a file of its own.
absl::Span<const OpLowering> ElementwiseLowerings();    // elementwise.cc: unary, binary, ternary, casts
absl::Span<const OpLowering> ActivationLowerings();     // activation.cc: activations, biases
absl::Span<const OpLowering> ArrayLowerings();          // array.cc: reshape, transpose, concat, pads, tiles...
absl::Span<const OpLowering> BlockLowerings();          // block.cc: space to batch and depth, and back
absl::Span<const OpLowering> ShapeLowerings();          // shape.cc: Shape, Size, Fill, Range...
absl::Span<const OpLowering> SliceLowerings();          // slice.cc: slices, splits
absl::Span<const OpLowering> IndexingLowerings();       // indexing.cc: gather, scatter, one-hot, where, unique
absl::Span<const OpLowering> ReductionLowerings();      // reduction.cc: reductions, arg, scans, segments, top-k
absl::Span<const OpLowering> MatmulLowerings();         // matmul.cc: MatMul, BatchMatMul*, Einsum
absl::Span<const OpLowering> LinearAlgebraLowerings();  // linear_algebra.cc
absl::Span<const OpLowering> MatrixLowerings();         // matrix.cc: band part, diagonals
absl::Span<const OpLowering> ConvolutionLowerings();    // convolution.cc
absl::Span<const OpLowering> PoolingLowerings();        // pooling.cc
absl::Span<const OpLowering> NormalizationLowerings();  // normalization.cc: batch norm, softmax, LRN
absl::Span<const OpLowering> ImageLowerings();          // image.cc
absl::Span<const OpLowering> DetectionLowerings();      // detection.cc
absl::Span<const OpLowering> QuantizationLowerings();   // quantization.cc
absl::Span<const OpLowering> RecurrentLowerings();      // recurrent.cc: LSTMBlockCell, GRUBlockCell, BlockLSTM
absl::Span<const OpLowering> MiscLowerings();           // misc.cc: Identity and its kin, Const-like sources, no-ops

}  // namespace moulin

#endif  // MOULIN_IMPORT_LOWERING_H_
