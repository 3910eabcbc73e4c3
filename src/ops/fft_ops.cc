// Discrete Fourier transforms over the last axes. Tests: tests/ops/host_kernels_test.cc,
// tests/cases/host_cases.py.
#include <complex>

#include "absl/strings/strip.h"
#include "ops/fft.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

using Complexes = std::vector<std::complex<double>>;

// A tensor of complex numbers being transformed. All is computed in double precision.
struct Field {
  Shape::Dims dims;
  Complexes values;
};

int64_t CountOf(const Shape::Dims& dims) {
  int64_t n = 1;
  for (const int64_t d : dims) n *= d;
  return n;
}

// --- Between tensors and fields ---

Status ReadField(const Tensor& x, Field* field) {
  field->dims.assign(x.shape().dims().begin(), x.shape().dims().end());
  field->values.resize(x.num_elements());
  const auto read = [&](auto tag) {
    using T = decltype(tag);
    const auto* values = static_cast<const T*>(x.data());
    for (int64_t i = 0; i < x.num_elements(); ++i) field->values[i] = std::complex<double>(values[i]);
    return absl::OkStatus();
  };
  if (x.dtype() == DType::kFloat32) return read(float());
  if (x.dtype() == DType::kFloat64) return read(double());
  return DispatchComplex(x.dtype(), read);
}

Status WriteField(const Field& field, Tensor& y) {
  const auto write = [&](auto tag) {
    using T = decltype(tag);
    auto* values = static_cast<T*>(y.mutable_data());
    for (int64_t i = 0; i < y.num_elements(); ++i) {
      if constexpr (std::is_floating_point_v<T>) {
        values[i] = static_cast<T>(field.values[i].real());
      } else {
        values[i] = T(field.values[i]);
      }
    }
    return absl::OkStatus();
  };
  if (y.dtype() == DType::kFloat32) return write(float());
  if (y.dtype() == DType::kFloat64) return write(double());
  return DispatchComplex(y.dtype(), write);
}

// --- Along one axis ---

// Calls f(base, stride) for every line along the axis.
template <typename F>
void ForEachLine(const Shape::Dims& dims, int axis, F f) {
  int64_t stride = 1;
  for (size_t d = axis + 1; d < dims.size(); ++d) stride *= dims[d];
  int64_t outer = 1;
  for (int d = 0; d < axis; ++d) outer *= dims[d];
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < stride; ++i) f(o * dims[axis] * stride + i, stride);
  }
}

void TransformAxis(Field& field, int axis, bool inverse) {
  const int64_t n = field.dims[axis];
  if (n == 0 || field.values.empty()) return;
  const Fft fft(n, inverse);
  Complexes line(n);
  ForEachLine(field.dims, axis, [&](int64_t base, int64_t stride) {
    for (int64_t i = 0; i < n; ++i) line[i] = field.values[base + i * stride];
    fft.Run(line);
    for (int64_t i = 0; i < n; ++i) field.values[base + i * stride] = line[i];
  });
}

// Makes an axis `size` long; `at` says which of the old entries entry i is.
template <typename At>
Field ResizeAxis(const Field& field, int axis, int64_t size, At at) {
  Field out;
  out.dims = field.dims;
  out.dims[axis] = size;
  out.values.resize(CountOf(out.dims));
  std::vector<int64_t> bases;
  ForEachLine(field.dims, axis, [&](int64_t base, int64_t) { bases.push_back(base); });
  size_t line = 0;
  ForEachLine(out.dims, axis, [&](int64_t base, int64_t stride) {
    const int64_t from = bases[line++];
    for (int64_t i = 0; i < size; ++i) {
      const int64_t k = at(i);
      if (k >= 0 && k < field.dims[axis]) out.values[base + i * stride] = field.values[from + k * stride];
    }
  });
  return out;
}

Field Resized(const Field& field, int axis, int64_t size) {
  if (field.dims[axis] == size) return field;
  return ResizeAxis(field, axis, size, [](int64_t i) { return i; });
}

// The full spectrum of a real signal of `size` elements from its first half.
Field CompleteSpectrum(const Field& half, int axis, int64_t size) {
  Field full = ResizeAxis(half, axis, size, [&](int64_t i) { return i <= size / 2 ? i : size - i; });
  ForEachLine(full.dims, axis, [&](int64_t base, int64_t stride) {
    full.values[base].imag(0);
    if (size % 2 == 0) full.values[base + size / 2 * stride].imag(0);
    for (int64_t i = size / 2 + 1; i < size; ++i) {
      full.values[base + i * stride] = std::conj(full.values[base + i * stride]);
    }
  });
  return full;
}

// --- The ops ---

// What an op's name says: FFT, IFFT, RFFT, IRFFT (older ones after "Batch"), then the number of axes (none for 1), or
// "ND" for as many as there are lengths.
struct Transform {
  int axes;
  bool inverse;
  bool real;
};

constexpr int kByLengths = -1;

Transform TransformOf(const HostOpAttrs& attrs) {
  const absl::string_view op = absl::StripPrefix(attrs.op, "Batch");
  const char before_last = op[op.size() - 2];
  const int axes = op.back() != 'D' ? 1 : before_last == 'N' ? kByLengths : before_last - '0';
  return {axes, op[0] == 'I', op[0] == 'R' || op[1] == 'R'};
}

Status InferComplex(InferContext& c) {
  if (!IsComplex(c.dtype(0))) return UnsupportedType(c.dtype(0));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), TransformOf(c.attr<HostOpAttrs>()).axes, "the operand"));
  return AddOutput(c, c.dtype(0), c.shape(0));
}

Status ComplexTransform(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferComplex));
  const Transform t = TransformOf(c.attr<HostOpAttrs>());
  Field field;
  MOULIN_RETURN_IF_ERROR(ReadField(c.input(0), &field));
  const int rank = c.input(0).shape().rank();
  for (int axis = rank - t.axes; axis < rank; ++axis) TransformAxis(field, axis, t.inverse);
  return WriteField(field, c.output(0));
}

StatusOr<DType> ResultType(const InferContext& c, const Transform& t) {
  const std::vector<DType>& types = c.attr<HostOpAttrs>().output_types;
  const bool gives_complex = !t.real || !t.inverse;
  const DType type = !types.empty()  ? types[0]
                     : !t.real       ? c.dtype(0)
                     : gives_complex ? DType::kComplex64
                                     : DType::kFloat32;
  const bool takes_complex = !t.real || t.inverse;
  if (IsComplex(c.dtype(0)) != takes_complex || IsComplex(type) != gives_complex) return UnsupportedType(c.dtype(0));
  return type;
}

// The third operand of the ops "ND": the last axes, in their order.
Status CheckAxes(const InferContext& c, int axes) {
  if (c.num_inputs() < 3) return absl::OkStatus();
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> given, KnownInts(c, 2));
  if (!given) return absl::OkStatus();
  if (static_cast<int>(given->size()) != axes) {
    return MakeError(ErrorCode::kShape, "expected as many axes as lengths, ", axes, ", got ", given->size());
  }
  if (!c.shape(0).has_rank()) return absl::OkStatus();
  const int rank = c.shape(0).rank();
  for (int i = 0; i < axes; ++i) {
    MOULIN_ASSIGN_OR_RETURN(const int axis, NormalizeAxis((*given)[i], rank));
    if (axis == rank - axes + i) continue;
    return MakeError(ErrorCode::kAttribute, "expected the last ", axes, " axes in their order, got ", axis,
                     " in place of ", rank - axes + i);
  }
  return absl::OkStatus();
}

// The number of axes; kByLengths where it is not known.
StatusOr<int> CountAxes(const InferContext& c, const Transform& t) {
  const int64_t lengths = KnownElements(c.shape(1));
  if (lengths == kUnknownDim) return t.axes;
  if (t.axes != kByLengths && lengths != t.axes) {
    return MakeError(ErrorCode::kShape, "fft_length must have ", t.axes, " elements, got ", lengths);
  }
  constexpr int64_t kMostAxes = 254;
  if (lengths < 1 || lengths > kMostAxes) {
    return MakeError(ErrorCode::kShape, "fft_length must have 1 to ", kMostAxes, " elements, got ", lengths);
  }
  return static_cast<int>(lengths);
}

// The outer sizes are those of fft_length; the last one too, or of half the spectrum of a real signal.
Status InferByLengths(InferContext& c) {
  const Transform t = TransformOf(c.attr<HostOpAttrs>());
  MOULIN_ASSIGN_OR_RETURN(const DType type, ResultType(c, t));
  MOULIN_ASSIGN_OR_RETURN(const int axes, CountAxes(c, t));
  if (axes == kByLengths) return AddOutput(c, type, PartialShape());
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), axes, "the operand"));
  MOULIN_RETURN_IF_ERROR(CheckAxes(c, axes));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> lengths, KnownInts(c, 1));
  if (!c.shape(0).has_rank()) return AddOutput(c, type, PartialShape());
  PartialShape out = c.shape(0);
  for (int i = 0; i < axes; ++i) {
    const bool last = i + 1 == axes;
    int64_t size = lengths ? (*lengths)[i] : kUnknownDim;
    if (lengths && size < 0) return MakeError(ErrorCode::kValue, "fft_length must not be negative, got ", size);
    if (last && t.real && !t.inverse && size > 0) size = size / 2 + 1;
    out.set_dim(out.rank() - axes + i, size);
  }
  return AddOutput(c, type, out);
}

// What the transform takes of each of the last axes.
Ints NeededLengths(const Transform& t, Ints lengths) {
  if (t.real && t.inverse) lengths.back() = lengths.back() / 2 + 1;
  return lengths;
}

// Only complex signals that stay complex may be too short: zeros follow them.
Status CheckSignalLengths(const Transform& t, const Ints& needed, int first, const Shape::Dims& dims) {
  for (size_t i = 0; t.real && i < needed.size(); ++i) {
    const int axis = first + static_cast<int>(i);
    if (dims[axis] >= needed[i]) continue;
    return MakeError(ErrorCode::kShape, "expected at least ", needed[i], " elements along axis ", axis, ", got ",
                     dims[axis]);
  }
  return absl::OkStatus();
}

// Those that are too long first, so that the field is never larger than what is given and what results.
void FitLengths(const Ints& needed, int first, Field* field) {
  for (const bool grows : {false, true}) {
    for (size_t i = 0; i < needed.size(); ++i) {
      const int axis = first + static_cast<int>(i);
      if ((needed[i] > field->dims[axis]) == grows) *field = Resized(*field, axis, needed[i]);
    }
  }
}

Status TransformByLengths(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferByLengths));
  const Transform t = TransformOf(c.attr<HostOpAttrs>());
  MOULIN_ASSIGN_OR_RETURN(const Ints lengths, IntValues(c.input(1)));
  if (c.output(0).num_elements() == 0) return absl::OkStatus();
  Field field;
  MOULIN_RETURN_IF_ERROR(ReadField(c.input(0), &field));
  const int last = c.input(0).shape().rank() - 1;
  const int first = last + 1 - static_cast<int>(lengths.size());
  const Ints needed = NeededLengths(t, lengths);
  MOULIN_RETURN_IF_ERROR(CheckSignalLengths(t, needed, first, field.dims));
  FitLengths(needed, first, &field);
  if (!t.real || !t.inverse) TransformAxis(field, last, t.inverse);
  if (t.real && !t.inverse) field = Resized(field, last, lengths.back() / 2 + 1);
  for (int axis = first; axis < last; ++axis) TransformAxis(field, axis, t.inverse);
  if (t.real && t.inverse) {
    field = CompleteSpectrum(field, last, lengths.back());
    TransformAxis(field, last, true);
  }
  return WriteField(field, c.output(0));
}

constexpr HostOp kFftKernels[] = {
    {"BatchFFT", 1, 1, InferComplex, ComplexTransform},    {"BatchFFT2D", 1, 1, InferComplex, ComplexTransform},
    {"BatchFFT3D", 1, 1, InferComplex, ComplexTransform},  {"BatchIFFT", 1, 1, InferComplex, ComplexTransform},
    {"BatchIFFT2D", 1, 1, InferComplex, ComplexTransform}, {"BatchIFFT3D", 1, 1, InferComplex, ComplexTransform},
    {"FFT", 1, 1, InferComplex, ComplexTransform},         {"FFT2D", 1, 1, InferComplex, ComplexTransform},
    {"FFT3D", 1, 1, InferComplex, ComplexTransform},       {"FFTND", 3, 3, InferByLengths, TransformByLengths},
    {"IFFT", 1, 1, InferComplex, ComplexTransform},        {"IFFT2D", 1, 1, InferComplex, ComplexTransform},
    {"IFFT3D", 1, 1, InferComplex, ComplexTransform},      {"IFFTND", 3, 3, InferByLengths, TransformByLengths},
    {"IRFFT", 2, 2, InferByLengths, TransformByLengths},   {"IRFFT2D", 2, 2, InferByLengths, TransformByLengths},
    {"IRFFT3D", 2, 2, InferByLengths, TransformByLengths}, {"IRFFTND", 3, 3, InferByLengths, TransformByLengths},
    {"RFFT", 2, 2, InferByLengths, TransformByLengths},    {"RFFT2D", 2, 2, InferByLengths, TransformByLengths},
    {"RFFT3D", 2, 2, InferByLengths, TransformByLengths},  {"RFFTND", 3, 3, InferByLengths, TransformByLengths},
};

}  // namespace

absl::Span<const HostOp> FftKernels() { return kFftKernels; }

}  // namespace moulin
