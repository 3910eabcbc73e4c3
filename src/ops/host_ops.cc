// Where, and the dispatch of HostOp by TensorFlow's op name. Tests: tests/ops/host_ops_test.cc.
#include <algorithm>
#include <complex>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// --- Where ---

Status InferWhere(InferContext& c) {
  if (SizeOf(c.dtype(0)) == 0) return UnsupportedType(c.dtype(0));
  c.Add(DType::kInt64, PartialShape{kUnknownDim, c.shape(0).has_rank() ? c.shape(0).rank() : kUnknownDim});
  return absl::OkStatus();
}

template <typename T>
std::vector<int64_t> NonzeroElements(const Tensor& x) {
  const auto* values = static_cast<const T*>(x.data());
  std::vector<int64_t> found;
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    if (static_cast<ArithmeticOf<T>>(values[i]) != ArithmeticOf<T>(0)) found.push_back(i);
  }
  return found;
}

StatusOr<std::vector<int64_t>> Nonzero(const Tensor& x) {
  std::vector<int64_t> found;
  const auto collect = [&](auto tag) {
    found = NonzeroElements<decltype(tag)>(x);
    return absl::OkStatus();
  };
  if (x.dtype() == DType::kBool) {
    found = NonzeroElements<uint8_t>(x);
  } else if (IsComplex(x.dtype())) {
    MOULIN_RETURN_IF_ERROR(DispatchComplex(x.dtype(), collect));
  } else {
    MOULIN_RETURN_IF_ERROR(DispatchReal(x.dtype(), collect));
  }
  return found;
}

Status Where(const KernelContext& c) {
  const Shape& x = c.input(0).shape();
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int64_t> found, Nonzero(c.input(0)));
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kInt64, Shape{static_cast<int64_t>(found.size()), x.rank()}));
  int64_t* out = c.output(0).mutable_values<int64_t>().data();
  for (int64_t i : found) {
    for (int d = x.rank() - 1; d >= 0; --d) {
      out[d] = i % x.dim(d);
      i /= x.dim(d);
    }
    out += x.rank();
  }
  return absl::OkStatus();
}

// --- HostOp ---

StatusOr<const HostOp*> KernelOf(const HostOpAttrs& attrs, size_t inputs) {
  const HostOp* kernel = FindHostOp(attrs.op);
  if (kernel == nullptr) {
    return MakeError(ErrorCode::kUnsupported, "there is no kernel for the op ", Printable(attrs.op));
  }
  if (static_cast<int>(inputs) < kernel->min_inputs || static_cast<int>(inputs) > kernel->max_inputs) {
    return MakeError(ErrorCode::kArity, attrs.op, " takes ", kernel->min_inputs, " inputs or more, got ", inputs);
  }
  return kernel;
}

Status InferHostOp(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const HostOp* kernel, KernelOf(c.attr<HostOpAttrs>(), c.inputs.size()));
  return kernel->infer(c);
}

Status RunHostOp(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const HostOp* kernel, KernelOf(c.attr<HostOpAttrs>(), c.inputs.size()));
  return kernel->reference(c);
}

constexpr OpDef kHostOps[] = {
    {OpKind::kWhere, 1, 1, InferWhere, Where, 0, /*dynamic_output=*/true},
    {OpKind::kHostOp, 0, kAnyNumber, InferHostOp, RunHostOp},
};

using KernelFamily = absl::Span<const HostOp> (*)();

constexpr KernelFamily kKernelFamilies[] = {
    StringKernels,
    StringSplitKernels,
    StringFormatKernels,
    RegexKernels,
    StringHashKernels,
    UnicodeKernels,
    DecodeKernels,
    ParseExampleKernels,
    ParseSequenceExampleKernels,
    ParseTensorKernels,
    CrossKernels,
    OverlapKernels,
    ImageDecodeKernels,
    RandomKernels,
    FftKernels,
    CtcKernels,
    AudioKernels,
    LookupKernels,
    ImageTransformKernels,
    TensorListKernels,
    SparseKernels,
    SetKernels,
    RaggedKernels,
    MatrixBandKernels,
    SpecialKernels,
    ImageEncodeKernels,
    BytesKernels,
    JsonKernels,
    RandomOrderKernels,
    RandomCropKernels,
    ImageSampleKernels,
    FractionalPoolKernels,
    MatrixFunctionKernels,
    RandomGammaKernels,
    RandomTruncatedKernels,
    QuantizedResizeKernels,
};

absl::flat_hash_map<absl::string_view, const HostOp*> ByName() {
  absl::flat_hash_map<absl::string_view, const HostOp*> kernels;
  for (const HostOp* kernel : AllHostOps()) kernels[kernel->op] = kernel;
  return kernels;
}

// The value of `name` in a list of named ones.
template <typename T, typename Result>
Result Find(const std::vector<std::pair<std::string, T>>& list, absl::string_view name, Result otherwise) {
  for (const auto& [key, value] : list) {
    if (key == name) return value;
  }
  return otherwise;
}

}  // namespace

const HostOp* FindHostOp(absl::string_view op) {
  static const auto* kernels = new absl::flat_hash_map<absl::string_view, const HostOp*>(ByName());
  const auto it = kernels->find(op);
  return it == kernels->end() ? nullptr : it->second;
}

std::vector<const HostOp*> AllHostOps() {
  std::vector<const HostOp*> kernels;
  for (const KernelFamily family : kKernelFamilies) {
    for (const HostOp& kernel : family()) kernels.push_back(&kernel);
  }
  return kernels;
}

int64_t IntAttr(const HostOpAttrs& attrs, absl::string_view name, int64_t otherwise) {
  return Find(attrs.ints, name, otherwise);
}

double FloatAttr(const HostOpAttrs& attrs, absl::string_view name, double otherwise) {
  return Find(attrs.floats, name, otherwise);
}

absl::string_view StringAttr(const HostOpAttrs& attrs, absl::string_view name, absl::string_view otherwise) {
  return Find(attrs.strings, name, otherwise);
}

std::vector<int64_t> IntsAttr(const HostOpAttrs& attrs, absl::string_view name) {
  std::vector<int64_t> values;
  for (const auto& [key, value] : attrs.ints) {
    if (key == name) values.push_back(value);
  }
  return values;
}

std::vector<std::string> StringsAttr(const HostOpAttrs& attrs, absl::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : attrs.strings) {
    if (key == name) values.push_back(value);
  }
  return values;
}

StatusOr<std::vector<PartialShape>> ShapesAttr(const HostOpAttrs& attrs, absl::string_view name) {
  std::vector<PartialShape> shapes;
  for (const std::string& text : StringsAttr(attrs, name)) {
    if (text == "?") {
      shapes.push_back(PartialShape());
      continue;
    }
    PartialShape shape{Shape()};
    for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      int64_t size = 0;
      if (!absl::SimpleAtoi(part, &size)) return MakeError(ErrorCode::kAttribute, name, ": malformed shape ", text);
      shape.push_back(size);
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

Status InferUnknown(InferContext& c) {
  for (const DType type : c.attr<HostOpAttrs>().output_types) c.Add(type, PartialShape());
  return absl::OkStatus();
}

StatusOr<std::string> OnlyString(const Tensor& x, absl::string_view what) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, x.dtype(), what));
  if (x.num_elements() == 1) return x.strings()[0];
  return MakeError(ErrorCode::kShape, what, " must hold one element, got ", x.shape().ToString());
}

absl::Span<const OpDef> HostOps() { return kHostOps; }

}  // namespace moulin
