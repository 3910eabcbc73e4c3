// ParseSequenceExample, its second version, ParseSingleSequenceExample: serialised tf.SequenceExample messages become a
// batch of features of the context and of sequences of features, dense, sparse and ragged.
// Tests: tests/cases/example_cases.py.
#include <algorithm>
#include <numeric>

#include "ops/axes.h"
#include "ops/example_message.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

using Names = std::vector<std::string>;

enum class SequenceVersion { kV1, kV2, kSingle };

// The features that a node asks for, by kind.
struct SequenceRequest {
  SequenceVersion version;
  Names context_sparse, context_dense, context_ragged;
  Names list_sparse, list_dense, list_ragged;
  Names may_miss;  // dense lists that are empty where they are missing
  int first_default = 0;
  std::vector<PartialShape> context_shapes, list_shapes;
};

SequenceVersion VersionOf(const std::string& op) {
  return op == "ParseSequenceExample"     ? SequenceVersion::kV1
         : op == "ParseSequenceExampleV2" ? SequenceVersion::kV2
                                          : SequenceVersion::kSingle;
}

StatusOr<Names> NamesOf(const Tensor& x) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, x.dtype(), "the features' names"));
  return Names(x.strings().begin(), x.strings().end());
}

void ReadAttributes(const HostOpAttrs& attrs, SequenceRequest* r) {
  r->context_sparse = StringsAttr(attrs, "context_sparse_keys");
  r->context_dense = StringsAttr(attrs, "context_dense_keys");
  r->list_sparse = StringsAttr(attrs, "feature_list_sparse_keys");
  r->list_dense = StringsAttr(attrs, "feature_list_dense_keys");
  r->may_miss = StringsAttr(attrs, "feature_list_dense_missing_assumed_empty");
  r->first_default = 2;
}

// Vectors of names, and flags for the dense lists.
Status ReadVectors(const KernelContext& c, SequenceRequest* r) {
  Names* const kinds[] = {&r->context_sparse, &r->context_dense, &r->context_ragged,
                          &r->list_sparse,    &r->list_dense,    &r->list_ragged};
  for (int i = 0; i < 6; ++i) {
    MOULIN_ASSIGN_OR_RETURN(*kinds[i], NamesOf(c.input(2 + i)));
  }
  const Tensor& flags = c.input(8);
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kBool, flags.dtype(), "feature_list_dense_missing_assumed_empty"));
  if (flags.num_elements() != static_cast<int64_t>(r->list_dense.size())) {
    return MakeError(ErrorCode::kShape, "feature_list_dense_missing_assumed_empty: expected ", r->list_dense.size(),
                     " elements, got ", flags.num_elements());
  }
  for (size_t i = 0; i < r->list_dense.size(); ++i) {
    if (flags.values<bool>()[i]) r->may_miss.push_back(r->list_dense[i]);
  }
  r->first_default = 9;
  return absl::OkStatus();
}

// A scalar input a name, by the numbers that the attributes tell; the last input is none of them.
Status ReadScalars(const KernelContext& c, SequenceRequest* r) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_ASSIGN_OR_RETURN(r->may_miss, NamesOf(c.input(1)));
  int at = 2;
  const std::pair<const char*, Names*> kinds[] = {{"Ncontext_sparse", &r->context_sparse},
                                                  {"Ncontext_dense", &r->context_dense},
                                                  {"Nfeature_list_sparse", &r->list_sparse},
                                                  {"Nfeature_list_dense", &r->list_dense}};
  for (const auto& [attr, names] : kinds) {
    for (int64_t n = IntAttr(attrs, attr, 0); n > 0 && at < static_cast<int>(c.inputs.size()); --n) {
      MOULIN_ASSIGN_OR_RETURN(std::string name, OnlyString(c.input(at++), "a feature's name"));
      names->push_back(std::move(name));
    }
  }
  r->first_default = at;
  return absl::OkStatus();
}

StatusOr<SequenceRequest> ReadSequenceRequest(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  SequenceRequest r{VersionOf(attrs.op)};
  if (r.version == SequenceVersion::kV1) ReadAttributes(attrs, &r);
  if (r.version == SequenceVersion::kV2) MOULIN_RETURN_IF_ERROR(ReadVectors(c, &r));
  if (r.version == SequenceVersion::kSingle) MOULIN_RETURN_IF_ERROR(ReadScalars(c, &r));
  const size_t expected = r.first_default + r.context_dense.size() + (r.version == SequenceVersion::kSingle ? 1 : 0);
  if (c.inputs.size() != expected) {
    return MakeError(ErrorCode::kArity, "expected ", expected, " inputs, got ", c.inputs.size());
  }
  MOULIN_ASSIGN_OR_RETURN(r.context_shapes, ShapesAttr(attrs, "context_dense_shapes"));
  MOULIN_ASSIGN_OR_RETURN(r.list_shapes, ShapesAttr(attrs, "feature_list_dense_shapes"));
  if (r.context_shapes.size() != r.context_dense.size() || r.list_shapes.size() != r.list_dense.size()) {
    return MakeError(ErrorCode::kAttribute, "the numbers of dense features and of their shapes differ");
  }
  return r;
}

// The features of one message, and where the whole batch is written. Sequences are lists of steps.
struct Message {
  NamedBytes context, lists;
};

class SequenceParser {
 public:
  SequenceParser(const KernelContext& c, const SequenceRequest& request) : c_(c), r_(request) {}

  Status Run() {
    MOULIN_RETURN_IF_ERROR(ReadMessages());
    MOULIN_RETURN_IF_ERROR(CheckOutputs());
    int at = 0;
    MOULIN_RETURN_IF_ERROR(Kind(r_.context_sparse, 3, &at, &SequenceParser::ContextSparse));
    MOULIN_RETURN_IF_ERROR(Kind(r_.context_dense, 1, &at, &SequenceParser::ContextDense));
    MOULIN_RETURN_IF_ERROR(Kind(r_.context_ragged, 2, &at, &SequenceParser::ContextRagged));
    MOULIN_RETURN_IF_ERROR(Kind(r_.list_sparse, 3, &at, &SequenceParser::ListSparse));
    MOULIN_RETURN_IF_ERROR(Kind(r_.list_dense, has_lengths() ? 2 : 1, &at, &SequenceParser::ListDense));
    return Kind(r_.list_ragged, 3, &at, &SequenceParser::ListRagged);
  }

 private:
  // The outputs of one feature: values, and what says how they lie.
  struct Outputs {
    int first, stride;  // the outputs of a kind are those of each part one after another
    int part(int i) const { return first + i * stride; }
  };
  using Steps = std::vector<Feature>;
  using Method = Status (SequenceParser::*)(int, const Outputs&);

  bool is_batch() const { return c_.input(0).shape().rank() > 0; }
  bool has_lengths() const { return r_.version != SequenceVersion::kSingle; }
  DType type(int output) const { return c_.attr<HostOpAttrs>().output_types[output]; }

  Status Kind(const Names& names, int parts, int* at, Method method) {
    const int n = static_cast<int>(names.size());
    for (int i = 0; i < n; ++i) MOULIN_RETURN_IF_ERROR((this->*method)(i, {*at + i, n}));
    *at += parts * n;
    return absl::OkStatus();
  }

  Status CheckOutputs() const {
    const size_t expected = 3 * r_.context_sparse.size() + r_.context_dense.size() + 2 * r_.context_ragged.size() +
                            3 * r_.list_sparse.size() + (has_lengths() ? 2 : 1) * r_.list_dense.size() +
                            3 * r_.list_ragged.size();
    if (expected == c_.attr<HostOpAttrs>().output_types.size()) return absl::OkStatus();
    return MakeError(ErrorCode::kAttribute, "the numbers of features and of outputs do not fit together");
  }

  Status ReadMessages() {
    const int rank = c_.input(0).shape().rank();
    MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c_.input(0).dtype(), "the serialized examples"));
    if (rank > 1 || (rank == 1 && r_.version == SequenceVersion::kSingle)) {
      return MakeError(ErrorCode::kShape, "the serialized examples have shape ", c_.input(0).shape().ToString());
    }
    for (const std::string& bytes : c_.input(0).strings()) {
      messages_.emplace_back();
      if (ReadSequenceExample(bytes, &messages_.back().context, &messages_.back().lists)) continue;
      return MakeError(ErrorCode::kValue, "string ", messages_.size() - 1, " is no serialized SequenceExample");
    }
    return absl::OkStatus();
  }

  Status Malformed(const std::string& name, size_t example) const {
    return MakeError(ErrorCode::kValue, "feature \"", Printable(name), "\" of example ", example, " is malformed");
  }

  Status CheckFeature(const Feature& feature, const std::string& name, size_t example, DType expected) const {
    if (!IsFeatureType(expected)) return UnsupportedType(expected);
    if (feature.type == DType::kInvalid || feature.type == expected) return absl::OkStatus();
    return MakeError(ErrorCode::kValue, "feature \"", Printable(name), "\" of example ", example,
                     ": expected values of type ", Name(expected), ", got ", Name(feature.type));
  }

  Status Missing(const std::string& name, size_t example) const {
    return MakeError(ErrorCode::kValue, "feature \"", Printable(name), "\" of example ", example,
                     " is required but missing");
  }

  // A context feature of every example; of type kInvalid where it is missing.
  StatusOr<Steps> Context(const std::string& name, DType expected) const {
    Steps features(messages_.size());
    for (size_t e = 0; e < messages_.size(); ++e) {
      const auto it = messages_[e].context.find(name);
      if (it == messages_[e].context.end()) continue;
      if (!ReadFeature(it->second, &features[e])) return Malformed(name, e);
      MOULIN_RETURN_IF_ERROR(CheckFeature(features[e], name, e, expected));
    }
    return features;
  }

  // The steps of every example.
  StatusOr<std::vector<Steps>> Lists(const std::string& name, DType expected, bool is_required) const {
    std::vector<Steps> lists(messages_.size());
    for (size_t e = 0; e < messages_.size(); ++e) {
      const auto it = messages_[e].lists.find(name);
      if (it == messages_[e].lists.end()) {
        if (is_required) return Missing(name, e);
        continue;
      }
      if (!ReadFeatureList(it->second, &lists[e])) return Malformed(name, e);
      for (const Feature& step : lists[e]) MOULIN_RETURN_IF_ERROR(CheckFeature(step, name, e, expected));
    }
    return lists;
  }

  Status WriteInts(int output, const std::vector<int64_t>& values, std::vector<int64_t> dims) const {
    MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(dims));
    MOULIN_RETURN_IF_ERROR(c_.Allocate(output, type(output), shape));
    return StoreInts(values, &c_.output(output));
  }

  // All values behind each other.
  Status WriteValues(int output, const std::vector<Steps>& lists) const {
    int64_t count = 0;
    for (const Steps& steps : lists) {
      for (const Feature& feature : steps) count += feature.size();
    }
    MOULIN_RETURN_IF_ERROR(c_.Allocate(output, type(output), Shape{count}));
    int64_t at = 0;
    for (const Steps& steps : lists) {
      for (const Feature& feature : steps) {
        WriteFeature(feature, c_.output(output), at);
        at += feature.size();
      }
    }
    return absl::OkStatus();
  }

  // Indices, values and shape. `has_steps`: a list of steps an example, else of one that is no axis.
  Status WriteSparse(const std::vector<Steps>& lists, bool has_steps, const Outputs& out) const {
    std::vector<int64_t> rows, shape;
    int64_t most_steps = 0, most_values = 0;
    for (size_t e = 0; e < lists.size(); ++e) {
      most_steps = std::max<int64_t>(most_steps, static_cast<int64_t>(lists[e].size()));
      for (size_t step = 0; step < lists[e].size(); ++step) {
        most_values = std::max(most_values, lists[e][step].size());
        for (int64_t k = 0; k < lists[e][step].size(); ++k) {
          if (is_batch()) rows.push_back(static_cast<int64_t>(e));
          if (has_steps) rows.push_back(static_cast<int64_t>(step));
          rows.push_back(k);
        }
      }
    }
    if (is_batch()) shape.push_back(static_cast<int64_t>(lists.size()));
    if (has_steps) shape.push_back(most_steps);
    shape.push_back(most_values);
    const auto rank = static_cast<int64_t>(shape.size());
    MOULIN_RETURN_IF_ERROR(WriteInts(out.part(0), rows, {static_cast<int64_t>(rows.size()) / rank, rank}));
    MOULIN_RETURN_IF_ERROR(WriteValues(out.part(1), lists));
    return WriteInts(out.part(2), shape, {rank});
  }

  static std::vector<Steps> AsLists(const Steps& features) {
    std::vector<Steps> lists;
    for (const Feature& feature : features) lists.push_back({feature});
    return lists;
  }

  // The ends of parts of these sizes, behind a 0.
  Status WriteSplits(int output, const std::vector<int64_t>& sizes) const {
    std::vector<int64_t> splits(sizes.size() + 1, 0);
    std::partial_sum(sizes.begin(), sizes.end(), splits.begin() + 1);
    return WriteInts(output, splits, {static_cast<int64_t>(splits.size())});
  }

  // What the splits of a single message are, which has no parts.
  Status NoSplits(int output) const { return WriteInts(output, {0}, {}); }

  Status ContextSparse(int i, const Outputs& out) {
    MOULIN_ASSIGN_OR_RETURN(const Steps features, Context(r_.context_sparse[i], type(out.part(1))));
    return WriteSparse(AsLists(features), false, out);
  }

  Status ContextRagged(int i, const Outputs& out) {
    MOULIN_ASSIGN_OR_RETURN(const Steps features, Context(r_.context_ragged[i], type(out.part(0))));
    MOULIN_RETURN_IF_ERROR(WriteValues(out.part(0), AsLists(features)));
    if (!is_batch()) return NoSplits(out.part(1));
    std::vector<int64_t> sizes;
    for (const Feature& feature : features) sizes.push_back(feature.size());
    return WriteSplits(out.part(1), sizes);
  }

  // The sizes of the batch and `inner`, then those of one dense feature.
  StatusOr<Shape> DenseShape(const PartialShape& own, std::vector<int64_t> inner) const {
    std::vector<int64_t> dims;
    if (is_batch()) dims.push_back(static_cast<int64_t>(messages_.size()));
    dims.insert(dims.end(), inner.begin(), inner.end());
    if (!own.has_rank()) return MakeError(ErrorCode::kAttribute, "the shape of a dense feature has no rank");
    dims.insert(dims.end(), own.dims().begin(), own.dims().end());
    return Shape::Make(dims);
  }

  Status WrongSize(const std::string& name, size_t example, int64_t expected, int64_t got) const {
    return MakeError(ErrorCode::kValue, "feature \"", Printable(name), "\" of example ", example, ": expected ",
                     expected, " values, got ", got);
  }

  Status ContextDense(int i, const Outputs& out) {
    const int output = out.part(0);
    const std::string& name = r_.context_dense[i];
    const Tensor& otherwise = c_.input(r_.first_default + i);
    MOULIN_RETURN_IF_ERROR(CheckSameType(type(output), otherwise.dtype(), "a default"));
    MOULIN_ASSIGN_OR_RETURN(const Steps features, Context(name, type(output)));
    MOULIN_ASSIGN_OR_RETURN(const Shape shape, DenseShape(r_.context_shapes[i], {}));
    MOULIN_RETURN_IF_ERROR(c_.Allocate(output, type(output), shape));
    const int64_t size = DimProduct(r_.context_shapes[i].dims(), 0, r_.context_shapes[i].rank());
    for (size_t e = 0; e < features.size(); ++e) {
      const int64_t at = static_cast<int64_t>(e) * size;
      if (features[e].type == DType::kInvalid) {
        if (otherwise.num_elements() == 0 && size > 0) return Missing(name, e);
        if (otherwise.num_elements() != size) return WrongSize(name, e, size, otherwise.num_elements());
        CopyElements(otherwise, 0, c_.output(output), at, size);
        continue;
      }
      if (features[e].size() != size) return WrongSize(name, e, size, features[e].size());
      WriteFeature(features[e], c_.output(output), at);
    }
    return absl::OkStatus();
  }

  Status ListSparse(int i, const Outputs& out) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<Steps> lists, Lists(r_.list_sparse[i], type(out.part(1)), false));
    return WriteSparse(lists, true, out);
  }

  // Shorter sequences end with zeros.
  Status ListDense(int i, const Outputs& out) {
    const int output = out.part(0);
    const std::string& name = r_.list_dense[i];
    const bool is_required = std::find(r_.may_miss.begin(), r_.may_miss.end(), name) == r_.may_miss.end();
    MOULIN_ASSIGN_OR_RETURN(const std::vector<Steps> lists, Lists(name, type(output), is_required));
    int64_t most = 0;
    std::vector<int64_t> lengths;
    for (const Steps& steps : lists) {
      lengths.push_back(static_cast<int64_t>(steps.size()));
      most = std::max(most, lengths.back());
    }
    MOULIN_ASSIGN_OR_RETURN(const Shape shape, DenseShape(r_.list_shapes[i], {most}));
    MOULIN_RETURN_IF_ERROR(c_.Allocate(output, type(output), shape));
    const int64_t size = DimProduct(r_.list_shapes[i].dims(), 0, r_.list_shapes[i].rank());
    for (size_t e = 0; e < lists.size(); ++e) {
      int64_t at = static_cast<int64_t>(e) * most * size;
      for (const Feature& step : lists[e]) {
        if (step.size() != size) return WrongSize(name, e, size, step.size());
        WriteFeature(step, c_.output(output), at);
        at += size;
      }
    }
    if (!has_lengths()) return absl::OkStatus();
    return WriteInts(out.part(1), lengths, is_batch() ? std::vector{shape.dim(0)} : std::vector<int64_t>());
  }

  Status ListRagged(int i, const Outputs& out) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<Steps> lists, Lists(r_.list_ragged[i], type(out.part(0)), false));
    MOULIN_RETURN_IF_ERROR(WriteValues(out.part(0), lists));
    std::vector<int64_t> steps, values;
    for (const Steps& list : lists) {
      steps.push_back(static_cast<int64_t>(list.size()));
      for (const Feature& feature : list) values.push_back(feature.size());
    }
    MOULIN_RETURN_IF_ERROR(WriteSplits(out.part(2), values));
    if (!is_batch()) return NoSplits(out.part(1));
    return WriteSplits(out.part(1), steps);
  }

  const KernelContext& c_;
  const SequenceRequest& r_;
  std::vector<Message> messages_;
};

Status ParseSequence(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const SequenceRequest request, ReadSequenceRequest(c));
  return SequenceParser(c, request).Run();
}

constexpr HostOp kParseSequenceExampleKernels[] = {
    {"ParseSequenceExample", 2, kAnyNumber, InferUnknown, ParseSequence},
    {"ParseSequenceExampleV2", 9, kAnyNumber, InferUnknown, ParseSequence},
    {"ParseSingleSequenceExample", 3, kAnyNumber, InferUnknown, ParseSequence},
};

}  // namespace

absl::Span<const HostOp> ParseSequenceExampleKernels() { return kParseSequenceExampleKernels; }

}  // namespace moulin
