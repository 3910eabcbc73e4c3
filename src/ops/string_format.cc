// StringFormat: tensors printed into a template, as TensorFlow prints them. Tests: tests/ops/host_kernels_test.cc,
// tests/cases/host_cases.py.
#include <cstdio>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// As few digits as TensorFlow takes: 6, or 9 where 6 do not give the value back (15 and 17 for doubles).
template <typename T>
std::string PrintFloat(T value) {
  constexpr int kDigits = std::is_same_v<T, float> ? 6 : 15;
  constexpr int kExact = std::is_same_v<T, float> ? 9 : 17;
  if (value != value) return "nan";
  char text[40];
  std::snprintf(text, sizeof(text), "%.*g", kDigits, static_cast<double>(value));
  const double back = std::is_same_v<T, float> ? std::strtof(text, nullptr) : std::strtod(text, nullptr);
  if (static_cast<T>(back) != value) std::snprintf(text, sizeof(text), "%.*g", kExact, static_cast<double>(value));
  return text;
}

std::string PrintElement(const Tensor& x, int64_t i) {
  if (x.dtype() == DType::kString) return absl::StrCat("\"", absl::CEscape(x.strings()[i]), "\"");
  if (x.dtype() == DType::kBool) return x.values<bool>()[i] ? "1" : "0";
  std::string text = "?";
  (void)DispatchReal(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto value = static_cast<ArithmeticOf<T>>(static_cast<const T*>(x.data())[i]);
    if constexpr (std::is_floating_point_v<decltype(value)> || !std::is_integral_v<T>) {
      text = PrintFloat<std::decay_t<decltype(value)>>(value);
    } else {
      text = absl::StrCat(static_cast<std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>(value));
    }
    return absl::OkStatus();
  });
  return text;
}

// Prints at most `edge` elements from either end of each axis (all where negative).
class Summary {
 public:
  Summary(const Tensor& x, int64_t edge) : x_(x), edge_(edge), strides_(RowMajorStrides(x.shape())) {}

  std::string Print() {
    if (x_.shape().rank() == 0) {
      // Types of less than a byte's choice have no room for dots in TensorFlow's own printer.
      if (edge_ == 0) return x_.dtype() == DType::kBool ? "" : "...";
      return PrintElement(x_, 0);
    }
    if (x_.num_elements() == 0 && x_.shape().rank() == 1) return "[]";
    PrintAxis(0, 0);
    return std::move(out_);
  }

 private:
  void PrintAxis(int axis, int64_t base) {
    const int64_t size = x_.shape().dim(axis);
    const bool innermost = axis + 1 == x_.shape().rank();
    out_ += "[";
    const bool all = edge_ < 0 || size <= 2 * edge_;
    for (int64_t i = 0; i < size; ++i) {
      if (!all && i == edge_) {
        Separate(axis, edge_ > 0, innermost);
        out_ += innermost && edge_ == 0 ? " ..." : "...";
        i = size - edge_;
        if (i >= size) break;
        Separate(axis, true, innermost);
      } else if (i > 0) {
        Separate(axis, true, innermost);
      }
      if (innermost) {
        out_ += PrintElement(x_, base + i);
      } else {
        PrintAxis(axis + 1, base + i * strides_[axis]);
      }
    }
    out_ += "]";
  }

  // What stands between two entries of an axis: a blank, or a line's end for each axis inside, and the indentation.
  void Separate(int axis, bool between, bool innermost) {
    if (innermost) {
      if (between) out_ += " ";
      return;
    }
    out_.append(x_.shape().rank() - axis - 1, '\n');
    out_.append(axis + 1, ' ');
  }

  const Tensor& x_;
  int64_t edge_;
  Shape::Dims strides_;
  std::string out_;
};

Status InferFormat(InferContext& c) {
  c.Add(DType::kString, PartialShape::OfRank(0));
  return absl::OkStatus();
}

Status StringFormat(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferFormat));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const std::string placeholder(StringAttr(attrs, "placeholder", "%s"));
  const int64_t edge = IntAttr(attrs, "summarize", 3);
  if (placeholder.empty()) return MakeError(ErrorCode::kAttribute, "placeholder must not be empty");
  const std::vector<std::string> pieces = absl::StrSplit(StringAttr(attrs, "template", "%s"), placeholder);
  if (pieces.size() != c.inputs.size() + 1) {
    return MakeError(ErrorCode::kArity, "the template has ", pieces.size() - 1, " placeholders for ", c.inputs.size(),
                     " inputs");
  }
  std::string& out = c.output(0).mutable_strings()[0];
  out = pieces[0];
  for (size_t i = 0; i < c.inputs.size(); ++i) absl::StrAppend(&out, Summary(c.inputs[i], edge).Print(), pieces[i + 1]);
  return absl::OkStatus();
}

constexpr HostOp kStringFormatKernels[] = {{"StringFormat", 0, kAnyNumber, InferFormat, StringFormat}};

}  // namespace

absl::Span<const HostOp> StringFormatKernels() { return kStringFormatKernels; }

}  // namespace moulin
