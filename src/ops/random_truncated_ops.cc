// Normal values between bounds of their own, those of TensorFlow but for the last bits of log and exp: drawn by
// rejection in one of three ways, whichever takes the fewest tries for the bounds (Robert, "Simulation of truncated
// normal variables"). TensorFlow begins another part of the generator where its threads share the work; this is the
// order of one thread, in which it draws what is small. Tests: tests/cases/random_cases.py.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/math.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/random_groups.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// A value whose arithmetic rounds to T after each step.
template <typename T>
struct Stepwise {
  using Wide = ArithmeticOf<T>;
  Wide v = 0;

  Stepwise() = default;
  Stepwise(double x) : v(static_cast<Wide>(static_cast<T>(static_cast<Wide>(x)))) {}  // NOLINT: a value
  static Stepwise Of(T x) { return Stepwise(static_cast<double>(static_cast<Wide>(x))); }
  T Stored() const { return static_cast<T>(v); }

  friend Stepwise operator+(Stepwise a, Stepwise b) { return Rounded(a.v + b.v); }
  friend Stepwise operator-(Stepwise a, Stepwise b) { return Rounded(a.v - b.v); }
  friend Stepwise operator*(Stepwise a, Stepwise b) { return Rounded(a.v * b.v); }
  friend Stepwise operator/(Stepwise a, Stepwise b) { return Rounded(a.v / b.v); }
  friend bool operator<(Stepwise a, Stepwise b) { return a.v < b.v; }
  friend bool operator<=(Stepwise a, Stepwise b) { return a.v <= b.v; }
  Stepwise operator-() const { return Rounded(-v); }
  static Stepwise Rounded(Wide x) {
    Stepwise r;
    r.v = static_cast<Wide>(static_cast<T>(x));
    return r;
  }
};

template <typename T>
Stepwise<T> Sqrt(Stepwise<T> x) {
  return Stepwise<T>::Rounded(std::sqrt(x.v));
}
template <typename T>
Stepwise<T> Exp(Stepwise<T> x) {
  return Stepwise<T>::Rounded(std::exp(x.v));
}
template <typename T>
Stepwise<T> Log(Stepwise<T> x) {
  return Stepwise<T>::Rounded(std::log(x.v));
}

constexpr int kMostTries = 1000;

Status NothingFits() {
  return MakeError(ErrorCode::kValue, "none of ", kMostTries, " values drawn in turn lies between the bounds");
}

// The values of one set of parameters: Give stores one and says whether more are wanted.
template <typename T>
class Truncated {
 public:
  using S = Stepwise<T>;

  // E_VALUE where a deviation is not above 0, or the bounds are no range with an end.
  Status Init(S mean, S deviation, S low, S high) {
    if (!(S(0) < deviation && low < high && (std::isfinite(low.v) || std::isfinite(high.v)))) {
      return MakeError(ErrorCode::kValue, "expected a deviation above 0 and bounds in order, one of them finite, got ",
                       static_cast<double>(deviation.v), " and [", static_cast<double>(low.v), ",",
                       static_cast<double>(high.v), "]");
    }
    // So that a single bound is the lower one.
    if ((std::isinf(low.v) && low < S(0)) || high < mean) {
      std::swap(low, high);
      deviation = -deviation;
    }
    mean_ = mean;
    deviation_ = deviation;
    low_ = (low - mean) / deviation;
    high_ = (high - mean) / deviation;
    return absl::OkStatus();
  }

  template <typename Give>
  Status Draw(Philox* generator, Give give) const {
    const S root = Sqrt(low_ * low_ + S(4));
    const S cutoff = S(2) * Exp(S(0.5) + low_ * (low_ - root) / S(4)) / (low_ + root);
    const S enough = S(1.3);
    const bool holds_most = (low_ < -enough && S(0) <= high_) || (enough < high_ && low_ <= S(0));
    if (holds_most) return FromNormal(generator, give);
    return high_ - low_ < cutoff ? FromUniform(generator, give) : FromExponential(generator, give);
  }

 private:
  static constexpr int kGroup = kGroupOf<T>;

  T Scaled(S x) const { return (x * deviation_ + mean_).Stored(); }

  template <typename Give>
  Status FromNormal(Philox* generator, Give give) const {
    for (int failed = 0;;) {
      T values[4] = {};
      NormalGroup<T>(generator->Next(), values);
      for (int i = 0; i < kGroup; ++i) {
        const S x = S::Of(values[i]);
        if (low_ <= x && x <= high_) {
          if (!give(Scaled(x))) return absl::OkStatus();
          failed = 0;
        } else if (++failed > kMostTries) {
          return NothingFits();
        }
      }
    }
  }

  template <typename Give>
  Status FromUniform(Philox* generator, Give give) const {
    const S most = low_ < S(0) ? S(0) : low_ * low_;
    for (int failed = 0;;) {
      T values[4] = {}, chances[4] = {};
      UniformGroup<T>(generator->Next(), values);
      UniformGroup<T>(generator->Next(), chances);
      for (int i = 0; i < kGroup; ++i) {
        const S x = S::Of(values[i]) * (high_ - low_) + low_;
        if (S::Of(chances[i]) <= Exp((most - x * x) / S(2))) {
          if (!give(Scaled(x))) return absl::OkStatus();
          failed = 0;
        } else if (++failed >= kMostTries) {
          return NothingFits();
        }
      }
    }
  }

  template <typename Give>
  Status FromExponential(Philox* generator, Give give) const {
    const S rate = (low_ + Sqrt(low_ * low_ + S(4))) / S(2);
    for (int failed = 0;;) {
      T values[4] = {};
      UniformGroup<T>(generator->Next(), values);
      for (int i = 0; i < kGroup; i += 2) {
        const S x = -Log(S::Of(values[i])) / rate + low_;
        const S off = low_ < rate ? rate - x : low_ - rate;
        if (S::Of(values[i + 1]) <= Exp(-off * off / S(2)) && x < high_) {
          if (!give(Scaled(x))) return absl::OkStatus();
          failed = 0;
        } else if (++failed >= kMostTries) {
          return NothingFits();
        }
      }
    }
  }

  S mean_, deviation_, low_, high_;
};

// --- The ops: (shape, parameters) or (shape, seed, parameters), the parameters being means, deviations, least and most
// values ---

constexpr int kParameters = 4;

Status InferTruncated(InferContext& c) {
  const int first = c.num_inputs() - kParameters;
  for (int i = first; i < c.num_inputs(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(first), c.dtype(i), "the parameters"));
  }
  if (!IsFloating(c.dtype(first))) return UnsupportedType(c.dtype(first));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> dims, KnownInts(c, 0));
  if (!dims) return AddOutput(c, c.dtype(first), PartialShape());
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(*dims));
  return AddOutput(c, c.dtype(first), shape);
}

// The sets of parameters: of each so many values, one set after another or, value by value, side by side.
struct ParameterSets {
  Shape shape;  // to which the parameters are broadcast
  int64_t values = 0;
  bool side_by_side = false;
};

// Of the op with seeds: the innermost axes of the result are those of the parameters.
StatusOr<ParameterSets> InnermostSets(const KernelContext& c, int first) {
  PartialShape all = c.input(first).shape();
  for (int i = 1; i < kParameters; ++i) {
    MOULIN_ASSIGN_OR_RETURN(all, BroadcastPartial(all, c.input(first + i).shape()));
  }
  const Shape& y = c.output(0).shape();
  const int own = y.rank() - all.rank();
  if (own < 0 || Shape(y.dims().subspan(own)) != all.ToShape()) {
    return MakeError(ErrorCode::kShape, "expected a shape that ends with that of the parameters, ", all.ToString(),
                     ", got ", y.ToString());
  }
  return ParameterSets{all.ToShape(), DimProduct(y.dims(), 0, own), true};
}

// Of the op without: a set for each entry of the first axis, or one for all, which TensorFlow draws by hundreds.
StatusOr<ParameterSets> OutermostSets(const KernelContext& c, int first) {
  const Shape& y = c.output(0).shape();
  if (y.rank() == 0) return MakeError(ErrorCode::kShape, "expected a shape of one axis or more, got a scalar's");
  bool is_one = true;
  for (int i = first; i < first + kParameters; ++i) {
    const Shape& shape = c.input(i).shape();
    if (shape.rank() > 1 || (shape.rank() == 1 && shape.dim(0) != 1 && shape.dim(0) != y.dim(0))) {
      return MakeError(ErrorCode::kShape, "expected parameters of 1 or ", y.dim(0), " elements, got ",
                       shape.ToString());
    }
    // As TensorFlow has it, bounds are one for all only where they are scalars.
    is_one = is_one && (shape.rank() == 0 || (i < first + 2 && shape.dim(0) == 1));
  }
  constexpr int64_t kAtOnce = 100;
  if (is_one) return ParameterSets{Shape{CeilDiv(y.num_elements(), kAtOnce)}, kAtOnce};
  return ParameterSets{Shape{y.dim(0)}, DimProduct(y.dims(), 1, y.rank())};
}

template <typename T>
Status DrawSets(const KernelContext& c, int first, const ParameterSets& sets, Philox generator) {
  T* y = static_cast<T*>(c.output(0).mutable_data());
  const int64_t num_values = c.output(0).num_elements(), num_sets = sets.shape.num_elements();
  std::vector<StridedMap> maps;
  for (int i = 0; i < kParameters; ++i) {
    MOULIN_ASSIGN_OR_RETURN(StridedMap map, BroadcastMap(c.input(first + i).shape(), sets.shape));
    maps.push_back(map);
  }
  for (int64_t set = 0; set < num_sets; ++set) {
    const auto parameter = [&](int i) {
      return Stepwise<T>::Of(static_cast<const T*>(c.input(first + i).data())[maps[i](set)]);
    };
    Truncated<T> truncated;
    MOULIN_RETURN_IF_ERROR(truncated.Init(parameter(0), parameter(1), parameter(2), parameter(3)));
    int64_t at = sets.side_by_side ? set : set * sets.values;
    const int64_t end = sets.side_by_side ? num_values : std::min(at + sets.values, num_values);
    MOULIN_RETURN_IF_ERROR(truncated.Draw(&generator, [&](T value) {
      y[at] = value;
      at += sets.side_by_side ? num_sets : 1;
      return at < end;
    }));
  }
  return absl::OkStatus();
}

Status TruncatedNormals(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTruncated));
  const int first = static_cast<int>(c.inputs.size()) - kParameters;
  const bool has_seeds = first == 2;
  Philox generator = FromAttrs(c.attr<HostOpAttrs>());
  if (has_seeds) {
    MOULIN_ASSIGN_OR_RETURN(generator, FromSeeds(c.input(1)));
  }
  MOULIN_ASSIGN_OR_RETURN(const ParameterSets sets, has_seeds ? InnermostSets(c, first) : OutermostSets(c, first));
  if (c.output(0).num_elements() == 0) return absl::OkStatus();
  return DispatchFloating(c.output(0).dtype(),
                          [&](auto tag) { return DrawSets<decltype(tag)>(c, first, sets, generator); });
}

constexpr HostOp kRandomTruncatedKernels[] = {
    {"ParameterizedTruncatedNormal", 5, 5, InferTruncated, TruncatedNormals},
    {"StatelessParameterizedTruncatedNormal", 6, 6, InferTruncated, TruncatedNormals},
};

}  // namespace

absl::Span<const HostOp> RandomTruncatedKernels() { return kRandomTruncatedKernels; }

}  // namespace moulin
