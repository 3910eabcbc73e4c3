// ParseExample, ParseExampleV2, ParseSingleExample: serialized tf.Example messages become a batch of dense, sparse and
// ragged features. Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include <algorithm>

#include "ops/example_message.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// --- What a node asks for ---

enum class Version { kV1, kV2, kSingle };

struct Layout {
  Version version;
  int sparse = 0, dense = 0, ragged = 0;  // how many features of each kind
  std::vector<PartialShape> dense_shapes;

  int first_default() const { return version == Version::kV1 ? 2 + sparse + dense : version == Version::kV2 ? 5 : 1; }
  int sparse_output(int part, int i) const { return part * sparse + i; }
  int dense_output(int i) const { return 3 * sparse + i; }
  int ragged_output(int part, int i) const { return 3 * sparse + dense + part * ragged + i; }
};

StatusOr<Layout> ReadLayout(const HostOpAttrs& attrs, size_t inputs) {
  Layout layout;
  layout.version = attrs.op == "ParseExample"     ? Version::kV1
                   : attrs.op == "ParseExampleV2" ? Version::kV2
                                                  : Version::kSingle;
  const int64_t outputs = static_cast<int64_t>(attrs.output_types.size());
  const int64_t sparse = IntAttr(attrs, layout.version == Version::kV1 ? "Nsparse" : "num_sparse", 0);
  MOULIN_ASSIGN_OR_RETURN(layout.dense_shapes, ShapesAttr(attrs, "dense_shapes"));
  const int64_t dense = static_cast<int64_t>(layout.dense_shapes.size());
  const int64_t rest = outputs - 3 * sparse - dense;
  const bool fits =
      sparse >= 0 && sparse <= outputs && rest >= 0 && rest % 2 == 0 && (rest == 0 || layout.version == Version::kV2);
  if (!fits) return MakeError(ErrorCode::kAttribute, "the numbers of features and of outputs do not fit together");
  layout.sparse = static_cast<int>(sparse);
  layout.dense = static_cast<int>(dense);
  layout.ragged = static_cast<int>(rest / 2);
  if (static_cast<int64_t>(inputs) != layout.first_default() + dense) {
    return MakeError(ErrorCode::kArity, "expected ", layout.first_default() + dense, " inputs, got ", inputs);
  }
  for (const PartialShape& shape : layout.dense_shapes) {
    if (!shape.has_rank()) return MakeError(ErrorCode::kAttribute, "dense_shapes must have a rank");
    for (int i = 1; i < shape.rank(); ++i) {
      if (shape.dim(i) < 0) return MakeError(ErrorCode::kAttribute, "dense_shapes may leave only the first size open");
    }
  }
  return layout;
}

bool IsVariable(const PartialShape& shape) { return shape.rank() > 0 && shape.dim(0) < 0; }

PartialShape Join(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank()) return a;
  PartialShape out = a;
  for (int i = 0; i < b.rank(); ++i) out.push_back(b.dim(i) < 0 ? kUnknownDim : b.dim(i));
  return out;
}

Status InferParse(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the serialized examples"));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const Layout layout, ReadLayout(attrs, c.inputs.size()));
  for (size_t i = 0; i < attrs.output_types.size(); ++i) {
    const int d = static_cast<int>(i) - layout.dense_output(0);
    if (d < 0 || d >= layout.dense) {
      c.Add(attrs.output_types[i], PartialShape());
      continue;
    }
    MOULIN_RETURN_IF_ERROR(CheckSameType(attrs.output_types[i], c.dtype(layout.first_default() + d), "a default"));
    MOULIN_RETURN_IF_ERROR(AddOutput(c, attrs.output_types[i], Join(c.shape(0), layout.dense_shapes[d])));
  }
  return absl::OkStatus();
}

// --- Filling the outputs ---

class Parser {
 public:
  Parser(const KernelContext& c, const Layout& layout) : c_(c), layout_(layout) {}

  Status Run() {
    MOULIN_RETURN_IF_ERROR(ReadExamples());
    MOULIN_RETURN_IF_ERROR(ReadKeys());
    for (int i = 0; i < layout_.sparse; ++i) MOULIN_RETURN_IF_ERROR(Sparse(i));
    for (int i = 0; i < layout_.dense; ++i) MOULIN_RETURN_IF_ERROR(Dense(i));
    for (int i = 0; i < layout_.ragged; ++i) MOULIN_RETURN_IF_ERROR(Ragged(i));
    return absl::OkStatus();
  }

 private:
  bool is_batch() const { return c_.input(0).shape().rank() > 0; }
  const HostOpAttrs& attrs() const { return c_.attr<HostOpAttrs>(); }
  DType output_type(int i) const { return attrs().output_types[i]; }

  Status ReadExamples() {
    const int rank = c_.input(0).shape().rank();
    if (rank > 1 || (rank == 1 && layout_.version == Version::kSingle)) {
      return MakeError(ErrorCode::kShape, "the serialized examples have shape ", c_.input(0).shape().ToString());
    }
    for (const std::string& bytes : c_.input(0).strings()) {
      examples_.emplace_back();
      if (ReadExample(bytes, &examples_.back())) continue;
      return MakeError(ErrorCode::kValue, "string ", examples_.size() - 1, " is no serialized Example");
    }
    return absl::OkStatus();
  }

  Status ReadKeys() {
    if (layout_.version == Version::kSingle) {
      sparse_keys_ = StringsAttr(attrs(), "sparse_keys");
      dense_keys_ = StringsAttr(attrs(), "dense_keys");
    } else if (layout_.version == Version::kV1) {
      for (int i = 0; i < layout_.sparse + layout_.dense; ++i) {
        MOULIN_ASSIGN_OR_RETURN(std::string key, OnlyString(c_.input(2 + i), "a feature's name"));
        (i < layout_.sparse ? sparse_keys_ : dense_keys_).push_back(std::move(key));
      }
    } else {
      for (const auto& [i, keys] :
           {std::pair(2, &sparse_keys_), std::pair(3, &dense_keys_), std::pair(4, &ragged_keys_)}) {
        MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c_.input(i).dtype(), "the features' names"));
        keys->assign(c_.input(i).strings().begin(), c_.input(i).strings().end());
      }
    }
    if (static_cast<int>(sparse_keys_.size()) == layout_.sparse &&
        static_cast<int>(dense_keys_.size()) == layout_.dense &&
        static_cast<int>(ragged_keys_.size()) == layout_.ragged) {
      return absl::OkStatus();
    }
    return MakeError(ErrorCode::kShape, "the numbers of names and of features differ");
  }

  // The values of a feature in one example; of type kInvalid where it is missing.
  StatusOr<Feature> Find(size_t example, const std::string& key, DType type) const {
    Feature feature;
    const auto it = examples_[example].find(key);
    if (it == examples_[example].end()) return feature;
    if (!ReadFeature(it->second, &feature)) {
      return MakeError(ErrorCode::kValue, "feature \"", Printable(key), "\" of example ", example, " is malformed");
    }
    if (feature.type == DType::kInvalid || feature.type == type) return feature;
    return MakeError(ErrorCode::kValue, "feature \"", Printable(key), "\" of example ", example,
                     ": expected values of type ", Name(type), ", got ", Name(feature.type));
  }

  StatusOr<std::vector<Feature>> FindAll(const std::string& key, DType type) const {
    std::vector<Feature> features;
    for (size_t e = 0; e < examples_.size(); ++e) {
      MOULIN_ASSIGN_OR_RETURN(Feature feature, Find(e, key, type));
      features.push_back(std::move(feature));
    }
    return features;
  }

  // All values behind each other.
  Status Concatenate(const std::vector<Feature>& features, int output) {
    int64_t count = 0;
    for (const Feature& feature : features) count += feature.size();
    MOULIN_RETURN_IF_ERROR(c_.Allocate(output, output_type(output), Shape{count}));
    int64_t at = 0;
    for (const Feature& feature : features) {
      WriteFeature(feature, c_.output(output), at);
      at += feature.size();
    }
    return absl::OkStatus();
  }

  Status Sparse(int i) {
    const int indices = layout_.sparse_output(0, i);
    const int values = layout_.sparse_output(1, i);
    const int shape = layout_.sparse_output(2, i);
    MOULIN_ASSIGN_OR_RETURN(const std::vector<Feature> features, FindAll(sparse_keys_[i], output_type(values)));
    MOULIN_RETURN_IF_ERROR(Concatenate(features, values));
    const int64_t rank = is_batch() ? 2 : 1;
    MOULIN_RETURN_IF_ERROR(c_.Allocate(indices, DType::kInt64, Shape{c_.output(values).num_elements(), rank}));
    MOULIN_RETURN_IF_ERROR(c_.Allocate(shape, DType::kInt64, Shape{rank}));
    int64_t* index = c_.output(indices).mutable_values<int64_t>().data();
    int64_t longest = 0;
    for (size_t e = 0; e < features.size(); ++e) {
      longest = std::max(longest, features[e].size());
      for (int64_t k = 0; k < features[e].size(); ++k) {
        if (is_batch()) *index++ = static_cast<int64_t>(e);
        *index++ = k;
      }
    }
    int64_t* sizes = c_.output(shape).mutable_values<int64_t>().data();
    if (is_batch()) *sizes++ = static_cast<int64_t>(features.size());
    *sizes = longest;
    return absl::OkStatus();
  }

  Status Dense(int i) {
    const int output = layout_.dense_output(i);
    const PartialShape& shape = layout_.dense_shapes[i];
    MOULIN_ASSIGN_OR_RETURN(const std::vector<Feature> features, FindAll(dense_keys_[i], output_type(output)));
    const bool variable = IsVariable(shape);
    const int64_t stride = DimProduct(shape.dims(), variable ? 1 : 0, shape.rank());
    int64_t steps = 1;  // the strides of the longest example
    if (variable) {
      steps = 0;
      for (const Feature& f : features) steps = std::max(steps, stride == 0 ? 0 : f.size() / stride);
    }
    std::vector<int64_t> dims(c_.input(0).shape().dims().begin(), c_.input(0).shape().dims().end());
    dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
    if (variable) dims[c_.input(0).shape().rank()] = steps;
    MOULIN_ASSIGN_OR_RETURN(const Shape full, Shape::Make(dims));
    MOULIN_RETURN_IF_ERROR(c_.Allocate(output, output_type(output), full));
    for (size_t e = 0; e < features.size(); ++e)
      MOULIN_RETURN_IF_ERROR(DenseRow(i, e, features[e], steps * stride, stride));
    return absl::OkStatus();
  }

  // The elements of one example; what is missing comes from the default.
  Status DenseRow(int i, size_t example, const Feature& feature, int64_t row, int64_t stride) {
    Tensor& out = c_.output(layout_.dense_output(i));
    const Tensor& otherwise = c_.input(layout_.first_default() + i);
    const int64_t begin = static_cast<int64_t>(example) * row;
    if (IsVariable(layout_.dense_shapes[i])) {
      if (feature.size() != 0 && (stride == 0 || feature.size() % stride != 0))
        return WrongSize(i, example, feature, stride);
      WriteFeature(feature, out, begin);
      if (otherwise.num_elements() != 1) return absl::OkStatus();
      for (int64_t k = feature.size(); k < row; ++k) CopyElements(otherwise, 0, out, begin + k, 1);
      return absl::OkStatus();
    }
    if (feature.type != DType::kInvalid) {
      if (feature.size() != row) return WrongSize(i, example, feature, row);
      WriteFeature(feature, out, begin);
      return absl::OkStatus();
    }
    if (otherwise.num_elements() == 0 && row > 0) {
      return MakeError(ErrorCode::kValue, "feature \"", Printable(dense_keys_[i]), "\" of example ", example,
                       " is required but missing");
    }
    if (otherwise.num_elements() != row) {
      return MakeError(ErrorCode::kShape, "the default of feature \"", Printable(dense_keys_[i]), "\": expected ", row,
                       " elements, got ", otherwise.num_elements());
    }
    CopyElements(otherwise, 0, out, begin, row);
    return absl::OkStatus();
  }

  Status WrongSize(int i, size_t example, const Feature& feature, int64_t expected) const {
    return MakeError(ErrorCode::kValue, "feature \"", Printable(dense_keys_[i]), "\" of example ", example,
                     ": expected ", expected, " values (or a multiple, where the length is open), got ",
                     feature.size());
  }

  Status Ragged(int i) {
    const int values = layout_.ragged_output(0, i);
    const int splits = layout_.ragged_output(1, i);
    MOULIN_ASSIGN_OR_RETURN(const std::vector<Feature> features, FindAll(ragged_keys_[i], output_type(values)));
    MOULIN_RETURN_IF_ERROR(Concatenate(features, values));
    if (!is_batch()) return c_.Allocate(splits, output_type(splits), Shape{0});
    MOULIN_RETURN_IF_ERROR(c_.Allocate(splits, output_type(splits), Shape{static_cast<int64_t>(features.size()) + 1}));
    int64_t end = 0;
    for (size_t e = 0; e < features.size(); ++e) {
      end += features[e].size();
      if (output_type(splits) == DType::kInt32) {
        c_.output(splits).mutable_values<int32_t>()[e + 1] = static_cast<int32_t>(end);
      } else {
        c_.output(splits).mutable_values<int64_t>()[e + 1] = end;
      }
    }
    return absl::OkStatus();
  }

  const KernelContext& c_;
  const Layout& layout_;
  std::vector<NamedBytes> examples_;
  std::vector<std::string> sparse_keys_, dense_keys_, ragged_keys_;
};

Status Parse(const KernelContext& c) {
  std::vector<TensorType> types;
  MOULIN_RETURN_IF_ERROR(InferFromInputs(c, InferParse, &types));
  MOULIN_ASSIGN_OR_RETURN(const Layout layout, ReadLayout(c.attr<HostOpAttrs>(), c.inputs.size()));
  const auto& outputs = c.attr<HostOpAttrs>().output_types;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const bool is_splits = static_cast<int>(i) >= layout.ragged_output(1, 0);
    if (is_splits ? outputs[i] == DType::kInt32 || outputs[i] == DType::kInt64 : IsFeatureType(outputs[i])) continue;
    return UnsupportedType(outputs[i]);
  }
  return Parser(c, layout).Run();
}

constexpr HostOp kParseExampleKernels[] = {
    {"ParseExample", 2, kAnyNumber, InferParse, Parse},
    {"ParseExampleV2", 5, kAnyNumber, InferParse, Parse},
    {"ParseSingleExample", 1, kAnyNumber, InferParse, Parse},
};

}  // namespace

absl::Span<const HostOp> ParseExampleKernels() { return kParseExampleKernels; }

}  // namespace moulin
