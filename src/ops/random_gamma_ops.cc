// Random values of gamma, Poisson and binomial distributions, bit for bit those of TensorFlow up to the last bits of
// log and exp: each value has 256 steps of the generator to itself, and draws by rejection. Gamma: Marsaglia and Tsang,
// "A simple method for generating gamma variables"; Poisson: Knuth's products for small rates, else Hormann's
// transformed rejection; binomial: sums of gaps, or the same. Tests: tests/ops/random_gamma_ops_test.cc.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ops/element.h"
#include "ops/host_op.h"
#include "ops/map_eval.h"
#include "ops/op_util.h"
#include "ops/philox.h"

namespace moulin {
namespace {

constexpr uint64_t kStepsPerValue = 256;

// Uniform and normal values of one generator, which come in pairs; the later of a pair is taken first.
class Draws {
 public:
  explicit Draws(const Philox& generator) : generator_(generator) {}

  double Uniform() {
    if (uniforms_left_ == 0) {
      const Words w = generator_.Next();
      uniforms_ = {UnitDouble(w[0], w[1]), UnitDouble(w[2], w[3])};
      uniforms_left_ = 2;
    }
    return uniforms_[--uniforms_left_];
  }

  double Normal() {
    if (normals_left_ == 0) {
      normals_ = NormalPair(generator_.Next());
      normals_left_ = 2;
    }
    return normals_[--normals_left_];
  }

 private:
  Philox generator_;
  std::array<double, 2> uniforms_{}, normals_{};
  int uniforms_left_ = 0, normals_left_ = 0;
};

double Gamma(double alpha, Draws draws) {
  if (alpha == 1) return -std::log1p(-draws.Uniform());
  const bool is_small = alpha < 1;  // drawn for alpha + 1, and scaled
  const double d = alpha + (is_small ? 2.0 / 3 : -1.0 / 3);
  const double c = 1.0 / 3 / std::sqrt(d);
  for (;;) {
    const double x = draws.Normal();
    double v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    const double u = draws.Uniform();
    const bool is_sure = u < 1 - 0.0331 * (x * x) * (x * x);
    if (!is_sure && !(std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v)))) {
      if (std::isnan(v)) return v;
      continue;
    }
    return is_small ? d * v * std::pow(draws.Uniform(), 1 / alpha) : d * v;
  }
}

// The number of uniform values whose product stays above exp(-rate).
double SmallPoisson(double rate, Draws* draws) {
  const double limit = std::exp(-rate);
  double product = 1, count = 0;
  for (;; ++count) {
    product *= draws->Uniform();
    if (product <= limit) return count;
  }
}

double LargePoisson(double rate, Draws* draws) {
  const double b = 0.931 + 2.53 * std::sqrt(rate);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  for (;;) {
    const double u = draws->Uniform() - 0.5;
    const double v = draws->Uniform();
    const double u_shifted = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / u_shifted + b) * u + rate + 0.43);
    if (u_shifted >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2)) return k;
    if (k < 0 || (u_shifted < 0.013 && v > u_shifted)) continue;
    const double s = std::log(v * inverse_alpha / (a / (u_shifted * u_shifted) + b));
    if (s <= -rate + k * std::log(rate) - std::lgamma(k + 1)) return k;
  }
}

double Poisson(double rate, Draws draws) {
  if (!std::isfinite(rate) || rate < 0) return 0;
  return rate < 10 ? SmallPoisson(rate, &draws) : LargePoisson(rate, &draws);
}

// --- Binomial: (count, probability) ---

// What Stirling's formula leaves of log(k!).
double StirlingTail(double k) {
  constexpr double kTails[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
                               0.0166446911898211,  0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
                               0.00925546218271273, 0.00833056343336287};
  if (k <= 9) return kTails[static_cast<int>(std::max(k, 0.0))];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// How many geometrically distributed gaps fit in the count.
double SmallBinomial(double count, double p, Draws draws) {
  double sum = 0, gaps = 0;
  for (;; ++gaps) {
    sum += std::ceil(std::log(draws.Uniform()) / std::log1p(-p));
    if (!(sum <= count)) return gaps;
  }
}

// Hormann's transformed rejection.
double LargeBinomial(double count, double p, Draws draws) {
  const double deviation = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = count * p + 0.5;
  const double odds = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * deviation;
  const double mode = std::floor((count + 1) * p);
  for (;;) {
    const double u = draws.Uniform() - 0.5;
    const double v = draws.Uniform();
    const double u_shifted = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / u_shifted + b) * u + c);
    if (u_shifted >= 0.07 && v <= 0.92 - 4.2 / b) return k;
    if (!(k >= 0 && k <= count)) continue;
    const double bound = (mode + 0.5) * std::log((mode + 1) / (odds * (count - mode + 1))) +
                         (count + 1) * std::log((count - mode + 1) / (count - k + 1)) +
                         (k + 0.5) * std::log(odds * (count - k + 1) / (k + 1)) + StirlingTail(mode) +
                         StirlingTail(count - mode) - StirlingTail(k) - StirlingTail(count - k);
    if (std::log(v * alpha / (a / (u_shifted * u_shifted) + b)) <= bound) return k;
  }
}

// Value `i` of all; few successes take fewer steps of the generator than the others.
double Binomial(double count, double p, const Philox& start, int64_t i) {
  if (std::isnan(p) || std::isnan(count)) return std::numeric_limits<double>::quiet_NaN();
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  const double rarer = std::min(p, 1 - p);
  const bool is_large = count * rarer >= 10;
  constexpr uint64_t kStepsOfSmall = 42;
  Philox generator = start;
  generator.Skip((is_large ? kStepsPerValue : kStepsOfSmall) * static_cast<uint64_t>(i));
  const double successes =
      is_large ? LargeBinomial(count, rarer, Draws(generator)) : SmallBinomial(count, rarer, Draws(generator));
  return p > 0.5 ? count - successes : successes;
}

// --- The ops: (shape, parameters) or (shape, seed, parameters) or (shape, key, counter, algorithm, parameters) ---

bool IsStateless(const HostOpAttrs& attrs) { return attrs.op.starts_with("Stateless"); }

// What is drawn has the shape `shape` (stateless), or that followed by the parameters' (each has `shape` values).
Status InferDrawn(InferContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const DType type = attrs.output_types.empty() ? c.dtype(c.num_inputs() - 1) : attrs.output_types[0];
  const PartialShape& parameters = c.shape(c.num_inputs() - 1);
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> dims, KnownInts(c, 0));
  if (!dims || !parameters.has_rank()) return AddOutput(c, type, PartialShape());
  std::vector<int64_t> all = *dims;
  if (!IsStateless(attrs)) {
    all.insert(all.end(), parameters.dims().begin(), parameters.dims().end());
    return AddOutput(c, type, PartialShape(all));
  }
  const size_t own = all.size() - std::min<size_t>(all.size(), parameters.rank());
  const PartialShape tail(std::vector<int64_t>(all.begin() + static_cast<std::ptrdiff_t>(own), all.end()));
  MOULIN_RETURN_IF_ERROR(MergeShapes(tail, parameters, "the innermost axes of the result").status());
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(all));
  return AddOutput(c, type, shape);
}

StatusOr<Philox> GeneratorOf(const KernelContext& c) {
  if (c.inputs.size() == 3) return FromSeeds(c.input(1));
  if (c.inputs.size() == 5) return FromKey(c.input(1), c.input(2), c.input(3));
  return FromAttrs(c.attr<HostOpAttrs>());
}

StatusOr<Tensor> AsDoubles(const Tensor& x) {
  MOULIN_ASSIGN_OR_RETURN(Tensor y, Tensor::Allocate(DType::kFloat64, x.shape()));
  Expr cast;
  cast.Cast(cast.Input(0, x.dtype()), DType::kFloat64);
  MOULIN_RETURN_IF_ERROR(EvaluateExpr(cast, {x}, &y));
  return y;
}

// The nearest value of the type, whose integers a count may exceed.
template <typename T>
T Stored(double value) {
  if constexpr (std::is_integral_v<T>) {
    constexpr double kHighest = 9223372036854774784.0;  // the largest double that an int64 holds
    value = std::min(value, std::min(static_cast<double>(std::numeric_limits<T>::max()), kHighest));
  }
  return Narrow<T>(static_cast<Wide<T>>(value));
}

// The values of one parameter lie apart by the number of parameters, but draw from the generator one after another.
template <double (*kDraw)(double, Draws)>
Status Draw(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferDrawn));
  MOULIN_ASSIGN_OR_RETURN(const Philox start, GeneratorOf(c));
  const Tensor& parameters = c.inputs.back();
  const int64_t num_parameters = parameters.num_elements(), num_values = c.output(0).num_elements();
  if (num_values == 0) return absl::OkStatus();
  MOULIN_ASSIGN_OR_RETURN(const Tensor doubles, AsDoubles(parameters));
  const absl::Span<const double> of = doubles.values<double>();
  const int64_t each = num_values / num_parameters;
  return DispatchReal(c.output(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* y = static_cast<T*>(c.output(0).mutable_data());
    for (int64_t i = 0; i < num_values; ++i) {
      Philox generator = start;
      generator.Skip(kStepsPerValue * static_cast<uint64_t>(i));
      y[i % each * num_parameters + i / each] = Stored<T>(kDraw(of[i / each], Draws(generator)));
    }
    return absl::OkStatus();
  });
}

// The innermost axes of the result are those of counts and probabilities, broadcast.
Status InferBinomial(InferContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const DType type = attrs.output_types.empty() ? DType::kInt64 : attrs.output_types[0];
  MOULIN_ASSIGN_OR_RETURN(const PartialShape parameters, BroadcastPartial(c.shape(2), c.shape(3)));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> dims, KnownInts(c, 0));
  if (!dims) return AddOutput(c, type, PartialShape());
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(*dims));
  if (!parameters.has_rank()) return AddOutput(c, type, shape);
  if (parameters.rank() > shape.rank()) {
    return MakeError(ErrorCode::kShape, "a shape that ends with that of the parameters, ", parameters.ToString(),
                     ", was expected, got ", shape.ToString());
  }
  const PartialShape tail(shape.dims().subspan(shape.rank() - parameters.rank()));
  MOULIN_RETURN_IF_ERROR(MergeShapes(tail, parameters, "the innermost axes of the result").status());
  return AddOutput(c, type, shape);
}

// (shape, seed, counts, probabilities)
Status DrawBinomial(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBinomial));
  MOULIN_ASSIGN_OR_RETURN(const Philox start, FromSeeds(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape both, BroadcastPartial(c.input(2).shape(), c.input(3).shape()));
  MOULIN_ASSIGN_OR_RETURN(const Shape parameters, Shape::Make(both.dims()));
  MOULIN_ASSIGN_OR_RETURN(const Tensor counts, AsDoubles(c.input(2)));
  MOULIN_ASSIGN_OR_RETURN(const Tensor probabilities, AsDoubles(c.input(3)));
  MOULIN_ASSIGN_OR_RETURN(const StridedMap count_of, BroadcastMap(counts.shape(), parameters));
  MOULIN_ASSIGN_OR_RETURN(const StridedMap probability_of, BroadcastMap(probabilities.shape(), parameters));
  const int64_t num_parameters = parameters.num_elements(), num_values = c.output(0).num_elements();
  if (num_values == 0) return absl::OkStatus();
  const int64_t each = num_values / num_parameters;
  return DispatchReal(c.output(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* y = static_cast<T*>(c.output(0).mutable_data());
    for (int64_t i = 0; i < num_values; ++i) {
      const double count = counts.values<double>()[count_of(i / each)];
      const double p = probabilities.values<double>()[probability_of(i / each)];
      y[i % each * num_parameters + i / each] = Stored<T>(Binomial(count, p, start, i));
    }
    return absl::OkStatus();
  });
}

constexpr HostOp kRandomGammaKernels[] = {
    {"RandomGamma", 2, 2, InferDrawn, Draw<Gamma>},
    {"RandomPoisson", 2, 2, InferDrawn, Draw<Poisson>},
    {"RandomPoissonV2", 2, 2, InferDrawn, Draw<Poisson>},
    {"StatelessRandomBinomial", 4, 4, InferBinomial, DrawBinomial},
    {"StatelessRandomGammaV2", 3, 3, InferDrawn, Draw<Gamma>},
    {"StatelessRandomGammaV3", 5, 5, InferDrawn, Draw<Gamma>},
    {"StatelessRandomPoisson", 3, 3, InferDrawn, Draw<Poisson>},
};

}  // namespace

absl::Span<const HostOp> RandomGammaKernels() { return kRandomGammaKernels; }

}  // namespace moulin
