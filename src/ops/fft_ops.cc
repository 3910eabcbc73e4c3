// Discrete Fourier transforms over the last one to three axes. Tests: tests/ops/host_kernels_test.cc,
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

Field Crop(const Field& field, int axis, int64_t size) {
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

// What an op's name says: FFT, IFFT, RFFT, IRFFT (older ones after "Batch"), then the number of axes (none for 1).
struct Transform {
  int axes;
  bool inverse;
  bool real;
};

Transform TransformOf(const HostOpAttrs& attrs) {
  const absl::string_view op = absl::StripPrefix(attrs.op, "Batch");
  const char before_last = op[op.size() - 2];
  const bool several = op.back() == 'D';
  return {several ? before_last - '0' : 1, op[0] == 'I', op[0] == 'R' || op[1] == 'R'};
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

// The outer sizes are those of fft_length; the last one too, or of half the spectrum of a real signal.
Status InferReal(InferContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const Transform t = TransformOf(attrs);
  const DType type =
      attrs.output_types.empty() ? (t.inverse ? DType::kFloat32 : DType::kComplex64) : attrs.output_types[0];
  if (IsComplex(c.dtype(0)) != t.inverse || IsComplex(type) == t.inverse) return UnsupportedType(c.dtype(0));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), t.axes, "the operand"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> lengths, KnownInts(c, 1));
  if (lengths && static_cast<int>(lengths->size()) != t.axes) {
    return MakeError(ErrorCode::kShape, "fft_length must have ", t.axes, " elements, got ", lengths->size());
  }
  if (!c.shape(0).has_rank()) return AddOutput(c, type, PartialShape());
  PartialShape out = c.shape(0);
  for (int i = 0; i < t.axes; ++i) {
    const bool last = i + 1 == t.axes;
    int64_t size = lengths ? (*lengths)[i] : kUnknownDim;
    if (lengths && size < 0) return MakeError(ErrorCode::kValue, "fft_length must not be negative, got ", size);
    if (last && !t.inverse && size > 0) size = size / 2 + 1;
    out.set_dim(out.rank() - t.axes + i, size);
  }
  return AddOutput(c, type, out);
}

Status RealTransform(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferReal));
  const Transform t = TransformOf(c.attr<HostOpAttrs>());
  MOULIN_ASSIGN_OR_RETURN(const Ints lengths, IntValues(c.input(1)));
  Field field;
  MOULIN_RETURN_IF_ERROR(ReadField(c.input(0), &field));
  if (c.output(0).num_elements() == 0) return absl::OkStatus();
  const int last = c.input(0).shape().rank() - 1;
  const int first = last + 1 - t.axes;
  for (int i = 0; i < t.axes; ++i) {
    const bool half = t.inverse && first + i == last;
    const int64_t needed = half ? lengths[i] / 2 + 1 : lengths[i];
    if (field.dims[first + i] < needed) {
      return MakeError(ErrorCode::kShape, "expected at least ", needed, " elements along axis ", first + i, ", got ",
                       field.dims[first + i]);
    }
    field = Crop(field, first + i, needed);
  }
  if (!t.inverse) TransformAxis(field, last, false);
  if (!t.inverse) field = Crop(field, last, lengths.back() / 2 + 1);
  for (int axis = first; axis < last; ++axis) TransformAxis(field, axis, t.inverse);
  if (t.inverse) field = CompleteSpectrum(field, last, lengths.back());
  if (t.inverse) TransformAxis(field, last, true);
  return WriteField(field, c.output(0));
}

constexpr HostOp kFftKernels[] = {
    {"BatchFFT", 1, 1, InferComplex, ComplexTransform},
    {"BatchFFT2D", 1, 1, InferComplex, ComplexTransform},
    {"BatchFFT3D", 1, 1, InferComplex, ComplexTransform},
    {"BatchIFFT", 1, 1, InferComplex, ComplexTransform},
    {"BatchIFFT2D", 1, 1, InferComplex, ComplexTransform},
    {"BatchIFFT3D", 1, 1, InferComplex, ComplexTransform},
    {"FFT", 1, 1, InferComplex, ComplexTransform},
    {"FFT2D", 1, 1, InferComplex, ComplexTransform},
    {"FFT3D", 1, 1, InferComplex, ComplexTransform},
    {"IFFT", 1, 1, InferComplex, ComplexTransform},
    {"IFFT2D", 1, 1, InferComplex, ComplexTransform},
    {"IFFT3D", 1, 1, InferComplex, ComplexTransform},
    {"IRFFT", 2, 2, InferReal, RealTransform},
    {"IRFFT2D", 2, 2, InferReal, RealTransform},
    {"IRFFT3D", 2, 2, InferReal, RealTransform},
    {"RFFT", 2, 2, InferReal, RealTransform},
    {"RFFT2D", 2, 2, InferReal, RealTransform},
    {"RFFT3D", 2, 2, InferReal, RealTransform},
};

}  // namespace

absl::Span<const HostOp> FftKernels() { return kFftKernels; }

}  // namespace moulin
