#include "libraries/reference_library.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "base/half.h"

namespace moulin::cuda {
namespace {

// Elements of a floating type, or int8, as doubles.
class Elements {
 public:
  Elements(DType type, const void* data) : type_(type), data_(data) {}

  double operator[](int64_t i) const {
    if (type_ == DType::kFloat16) return static_cast<float>(static_cast<const Half*>(data_)[i]);
    if (type_ == DType::kBFloat16) return static_cast<float>(static_cast<const BFloat16*>(data_)[i]);
    if (type_ == DType::kInt8) return static_cast<const int8_t*>(data_)[i];
    return static_cast<const float*>(data_)[i];
  }

 private:
  const DType type_;
  const void* const data_;
};

void Set(DType type, void* data, int64_t i, double value) {
  if (type == DType::kInt32) {
    static_cast<int32_t*>(data)[i] = static_cast<int32_t>(value);
    return;
  }
  if (type == DType::kInt8) {
    static_cast<int8_t*>(data)[i] = static_cast<int8_t>(std::clamp(std::nearbyint(value), -128.0, 127.0));
    return;
  }
  const float rounded = static_cast<float>(value);
  if (type == DType::kFloat16) {
    static_cast<Half*>(data)[i] = Half(rounded);
  } else if (type == DType::kBFloat16) {
    static_cast<BFloat16*>(data)[i] = BFloat16(rounded);
  } else {
    static_cast<float*>(data)[i] = rounded;
  }
}

double Activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return x > 0 ? x : 0;
    case Activation::kRelu6:
      return std::min(x > 0 ? x : 0, 6.0);
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kElu:
      return x < 0 ? std::expm1(x) : x;
    case Activation::kGeluErf:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh:
      return x * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kSwish:
      return x / (1 + std::exp(-x));
  }
  return x;
}

// In float32, step by step.
float FinishScaled(const LibraryEpilogue& epilogue, const LibraryOperands& operands, double sum, int64_t column,
                   int64_t at) {
  float value = static_cast<float>(sum) * static_cast<const float*>(operands.factors)[column];
  if (epilogue.bias) value += static_cast<const float*>(operands.bias)[column];
  if (epilogue.residual) value += static_cast<float>(Elements(epilogue.scaling->residual, operands.residual)[at]);
  value = static_cast<float>(Activate(epilogue.activation, value));
  return epilogue.scaling->result == DType::kInt8 ? value * *static_cast<const float*>(operands.steps) : value;
}

double Finish(DType type, const LibraryEpilogue& epilogue, const LibraryOperands& operands, double sum, int64_t column,
              int64_t at) {
  if (epilogue.scaling.has_value()) return FinishScaled(epilogue, operands, sum, column, at);
  if (epilogue.bias) sum += Elements(type, operands.bias)[column];
  if (epilogue.residual) sum += Elements(type, operands.residual)[at];
  return Activate(epilogue.activation, sum);
}

// Coordinates of element `i` of a tensor of this shape.
std::vector<int64_t> Coordinates(const Shape& shape, int64_t i) {
  std::vector<int64_t> at(shape.rank());
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    at[axis] = i % shape[axis];
    i /= shape[axis];
  }
  return at;
}

int64_t OffsetOf(const Shape& shape, const std::vector<int64_t>& at) {
  int64_t offset = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) offset = offset * shape[axis] + at[axis];
  return offset;
}

// Calls f(element of the big image, element of the filter, element of the small image) for every product that a
// convolution from `big` [n, spatial..., c] to `small` [n, spatial..., k] adds up.
template <typename F>
void ForEachProduct(const ConvProblem& p, const Shape& big, const Shape& small, F f) {
  const int spatial = static_cast<int>(p.strides.size());
  const int64_t channels = p.filter[spatial + 1], filters = p.filter[0] / p.groups;
  for (int64_t s = 0; s < small.num_elements(); ++s) {
    const std::vector<int64_t> at = Coordinates(small, s);
    const int64_t k = at.back();
    for (int64_t w = 0; w < p.filter.num_elements() / p.filter[0]; ++w) {
      std::vector<int64_t> tap = Coordinates(p.filter, k * (p.filter.num_elements() / p.filter[0]) + w);
      std::vector<int64_t> from = {at[0]};
      bool inside = true;
      for (int d = 0; d < spatial; ++d) {
        from.push_back(at[d + 1] * p.strides[d] - p.pad_before[d] + tap[d + 1] * p.dilations[d]);
        inside = inside && from.back() >= 0 && from.back() < big[d + 1];
      }
      from.push_back(k / filters * channels + tap.back());
      if (inside) f(OffsetOf(big, from), OffsetOf(p.filter, tap), s);
    }
  }
}

void Convolve(const ConvProblem& p, const LibraryOperands& operands) {
  const Elements x(p.type, operands.x), w(p.type, operands.w);
  std::vector<double> sums(p.y.num_elements(), 0.0);
  if (p.transposed) {
    ForEachProduct(p, p.y, p.x, [&](int64_t big, int64_t filter, int64_t small) { sums[big] += x[small] * w[filter]; });
  } else {
    ForEachProduct(p, p.x, p.y, [&](int64_t big, int64_t filter, int64_t small) { sums[small] += x[big] * w[filter]; });
  }
  const int64_t columns = p.y[p.y.rank() - 1];
  for (int64_t i = 0; i < p.y.num_elements(); ++i) {
    Set(ResultTypeOf(p.type, p.epilogue), operands.y, i, Finish(p.type, p.epilogue, operands, sums[i], i % columns, i));
  }
}

void Multiply(const MatmulProblem& p, const LibraryOperands& operands) {
  const Elements a(p.type, operands.x), b(p.type, operands.w);
  for (int64_t i = 0; i < p.batch * p.m * p.n; ++i) {
    const int64_t column = i % p.n, row = i / p.n % p.m, batch = i / p.n / p.m;
    const int64_t a_begin = p.broadcast_a ? 0 : batch * p.m * p.k, b_begin = p.broadcast_b ? 0 : batch * p.k * p.n;
    double sum = 0;
    for (int64_t k = 0; k < p.k; ++k) {
      sum += a[a_begin + (p.transpose_a ? k * p.m + row : row * p.k + k)] *
             b[b_begin + (p.transpose_b ? column * p.k + k : k * p.n + column)];
    }
    Set(ResultTypeOf(p.type, p.epilogue), operands.y, i, Finish(p.type, p.epilogue, operands, sum, column, i));
  }
}

void Attend(const AttentionProblem& p, const LibraryOperands& operands) {
  const Elements q(p.type, operands.x), k(p.type, operands.w), v(p.type, operands.v), mask(p.type, operands.mask);
  for (int64_t row = 0; row < p.batch * p.heads * p.m; ++row) {
    const int64_t matrix = row / p.m;
    std::vector<double> weights(p.n, 0.0);
    double total = 0;
    for (int64_t j = 0; j < p.n; ++j) {
      for (int64_t d = 0; d < p.d; ++d) weights[j] += q[row * p.d + d] * k[(matrix * p.n + j) * p.d + d];
      weights[j] *= p.scale;
      if (p.has_mask) {
        std::vector<int64_t> at = {matrix / p.heads, matrix % p.heads, row % p.m, j};
        for (int axis = 0; axis < 4; ++axis) at[axis] = p.mask[axis] == 1 ? 0 : at[axis];
        weights[j] += mask[OffsetOf(p.mask, at)];
      }
      weights[j] = std::exp(weights[j]);
      total += weights[j];
    }
    for (int64_t e = 0; e < p.e; ++e) {
      double sum = 0;
      for (int64_t j = 0; j < p.n; ++j) sum += weights[j] / total * v[(matrix * p.n + j) * p.e + e];
      Set(p.type, operands.y, row * p.e + e, sum);
    }
  }
}

class ReferencePlan : public LibraryPlan {
 public:
  ReferencePlan(EnqueueWork enqueue, std::function<void(const LibraryOperands&)> compute)
      : enqueue_(std::move(enqueue)), compute_(std::move(compute)) {}
  std::string name() const override { return "reference"; }
  int64_t workspace_bytes() const override { return 100; }  // to see that it is kept apart from other workspace

  Status Enqueue(cudaStream_t stream, const LibraryOperands& operands, void* workspace) const override {
    return enqueue_(stream, [compute = compute_, operands, workspace, bytes = workspace_bytes()] {
      std::fill_n(static_cast<char*>(workspace), bytes, 'w');
      compute(operands);
    });
  }

 private:
  const EnqueueWork enqueue_;
  const std::function<void(const LibraryOperands&)> compute_;
};

}  // namespace

LibraryPlans ReferenceLibrary::Convolution(const ConvProblem& problem) {
  if (!takes_(problem.epilogue) || problem.type == DType::kFloat64) return {};
  problems_.push_back(ToString(problem));
  return {std::make_shared<ReferencePlan>(enqueue_,
                                          [problem](const LibraryOperands& operands) { Convolve(problem, operands); })};
}

LibraryPlans ReferenceLibrary::Matmul(const MatmulProblem& problem) {
  const bool has_type = (IsFloating(problem.type) && problem.type != DType::kFloat64) || problem.type == DType::kInt8;
  if (!takes_(problem.epilogue) || !has_type) return {};
  problems_.push_back(ToString(problem));
  return {std::make_shared<ReferencePlan>(enqueue_,
                                          [problem](const LibraryOperands& operands) { Multiply(problem, operands); })};
}

LibraryPlans ReferenceLibrary::Attention(const AttentionProblem& problem) {
  problems_.push_back(ToString(problem));
  return {std::make_shared<ReferencePlan>(enqueue_,
                                          [problem](const LibraryOperands& operands) { Attend(problem, operands); })};
}

}  // namespace moulin::cuda
