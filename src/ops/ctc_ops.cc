// Decoders of connectionist temporal classification. Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>

#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

using Labels = std::vector<int64_t>;

struct CtcShape {
  int64_t steps, batch, classes;
};

Status CheckOperands(InferContext& c) {
  if (c.dtype(0) != DType::kFloat32 && c.dtype(0) != DType::kFloat64) {
    return MakeError(ErrorCode::kDType, "the scores must be float32 or float64, got ", Name(c.dtype(0)));
  }
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kInt32, c.dtype(1), "sequence_length"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 3, "the scores"));
  return CheckRank(c.shape(1), 1, "sequence_length");
}

// Types of a decoder with `paths` results for each sequence.
Status InferDecoder(InferContext& c, int64_t paths) {
  MOULIN_RETURN_IF_ERROR(CheckOperands(c));
  if (paths < 1 || paths > 65'536)
    return MakeError(ErrorCode::kAttribute, "top_paths must be in [1, 65536], got ", paths);
  for (int64_t i = 0; i < paths; ++i) c.Add(DType::kInt64, PartialShape{kUnknownDim, 2});
  for (int64_t i = 0; i < paths; ++i) c.Add(DType::kInt64, PartialShape{kUnknownDim});
  for (int64_t i = 0; i < paths; ++i) c.Add(DType::kInt64, Shape{2});
  return AddOutput(c, c.dtype(0), {c.shape(0).has_rank() ? c.shape(0).dim(1) : kUnknownDim, paths});
}

Status InferGreedy(InferContext& c) { return InferDecoder(c, 1); }
Status InferBeam(InferContext& c) { return InferDecoder(c, IntAttr(c.attr<HostOpAttrs>(), "top_paths", 1)); }

StatusOr<CtcShape> CheckLengths(const Tensor& scores, const Tensor& lengths) {
  const CtcShape s{scores.shape().dim(0), scores.shape().dim(1), scores.shape().dim(2)};
  if (s.classes < 1) return MakeError(ErrorCode::kShape, "the scores need a class at least");
  if (lengths.num_elements() != s.batch) {
    return MakeError(ErrorCode::kShape, "expected ", s.batch, " lengths, got ", lengths.num_elements());
  }
  for (const int32_t length : lengths.values<int32_t>()) {
    if (length < 0 || length > s.steps) {
      return MakeError(ErrorCode::kValue, "sequence_length must be in [0, ", s.steps, "], got ", length);
    }
  }
  return s;
}

// The outputs of path `p` of `paths`: a sparse matrix with a row for each sequence.
Status EmitPath(const KernelContext& c, int p, int paths, const std::vector<Labels>& rows) {
  int64_t count = 0;
  int64_t longest = 0;
  for (const Labels& row : rows) {
    count += static_cast<int64_t>(row.size());
    longest = std::max(longest, static_cast<int64_t>(row.size()));
  }
  MOULIN_RETURN_IF_ERROR(c.Allocate(p, DType::kInt64, Shape{count, 2}));
  MOULIN_RETURN_IF_ERROR(c.Allocate(paths + p, DType::kInt64, Shape{count}));
  MOULIN_RETURN_IF_ERROR(c.Allocate(2 * paths + p, DType::kInt64, Shape{2}));
  int64_t* index = c.output(p).mutable_values<int64_t>().data();
  int64_t* value = c.output(paths + p).mutable_values<int64_t>().data();
  for (size_t b = 0; b < rows.size(); ++b) {
    for (size_t i = 0; i < rows[b].size(); ++i) {
      *index++ = static_cast<int64_t>(b);
      *index++ = static_cast<int64_t>(i);
      *value++ = rows[b][i];
    }
  }
  c.output(2 * paths + p).mutable_values<int64_t>()[0] = static_cast<int64_t>(rows.size());
  c.output(2 * paths + p).mutable_values<int64_t>()[1] = longest;
  return absl::OkStatus();
}

// --- Greedy: the best class of each step ---

template <typename T>
Status Greedy(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const CtcShape s, CheckLengths(c.input(0), c.input(1)));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const bool merge = IntAttr(attrs, "merge_repeated", 0) != 0;
  int64_t blank = IntAttr(attrs, "blank_index", -1);
  if (blank < 0) blank += s.classes;
  if (blank < 0 || blank >= s.classes)
    return MakeError(ErrorCode::kAttribute, "blank_index is outside the ", s.classes, " classes");
  MOULIN_RETURN_IF_ERROR(c.Allocate(3, c.input(0).dtype(), Shape{s.batch, 1}));
  std::vector<Labels> rows(s.batch);
  for (int64_t b = 0; b < s.batch; ++b) {
    int64_t previous = -1;
    T score = 0;
    for (int64_t t = 0; t < c.input(1).values<int32_t>()[b]; ++t) {
      const T* scores = &c.input(0).values<T>()[(t * s.batch + b) * s.classes];
      const int64_t best = std::max_element(scores, scores + s.classes) - scores;
      score -= scores[best];
      if (best != blank && !(merge && best == previous)) rows[b].push_back(best);
      previous = best;
    }
    c.output(3).mutable_values<T>()[b] = score;
  }
  return EmitPath(c, 0, 1, rows);
}

// --- Beam search over prefixes ---

template <typename T>
constexpr T kNever = -std::numeric_limits<T>::infinity();

template <typename T>
T LogSumExp(T a, T b) {
  if (a == kNever<T>) return b;
  if (b == kNever<T>) return a;
  return a > b ? a + std::log1p(std::exp(b - a)) : b + std::log1p(std::exp(a - b));
}

// The logarithms of a prefix's probability: ending in a blank, in its label, and both.
template <typename T>
struct Odds {
  T total = kNever<T>;
  T blank = kNever<T>;
  T label = kNever<T>;
};

// A prefix: its last label behind another prefix.
template <typename T>
struct Prefix {
  Prefix* parent = nullptr;
  int64_t label = -1;
  Odds<T> before;
  Odds<T> now;
  std::vector<std::pair<int64_t, Prefix*>> children;

  bool IsActive() const { return now.total != kNever<T>; }
};

template <typename T>
class BeamSearch {
 public:
  BeamSearch(int64_t classes, int64_t width) : blank_(classes - 1), width_(static_cast<size_t>(width)) {
    prefixes_.emplace_back();
    prefixes_[0].now = {0, 0, kNever<T>};
    beam_.push_back(&prefixes_[0]);
  }

  void Step(const T* scores) {
    std::vector<T> logs(scores, scores + blank_ + 1);
    const T highest = *std::max_element(logs.begin(), logs.end());
    T sum = 0;
    for (const T score : logs) sum += std::exp(score - highest);
    for (T& log : logs) log -= highest + std::log(sum);
    std::vector<Prefix<T>*> branches = std::move(beam_);
    beam_.clear();
    std::sort(branches.begin(), branches.end(), [](auto* a, auto* b) { return a->now.total > b->now.total; });
    for (Prefix<T>* p : branches) p->before = p->now;
    for (Prefix<T>* p : branches) Stay(p, logs);
    for (Prefix<T>* p : branches) Grow(p, logs);
  }

  // The best prefixes, most probable first.
  std::vector<Prefix<T>*> Best(size_t count) {
    std::vector<Prefix<T>*> best = beam_;
    std::stable_sort(best.begin(), best.end(), [](auto* a, auto* b) { return a->now.total > b->now.total; });
    best.resize(std::min(count, best.size()));
    return best;
  }

 private:
  // The prefix goes on as it is: by its last label again, or by a blank.
  void Stay(Prefix<T>* p, const std::vector<T>& logs) {
    if (p->parent != nullptr) {
      if (p->parent->IsActive()) {
        const T previous = p->label == p->parent->label ? p->parent->before.blank : p->parent->before.total;
        p->now.label = LogSumExp(p->now.label, previous);
      }
      p->now.label += logs[p->label];
    }
    p->now.blank = p->before.total + logs[blank_];
    p->now.total = LogSumExp(p->now.blank, p->now.label);
    beam_.push_back(p);
  }

  void Grow(Prefix<T>* p, const std::vector<T>& logs) {
    if (!IsCandidate(p->before)) return;
    for (int64_t label = 0; label < blank_; ++label) {
      const T previous = label == p->label ? p->before.blank : p->before.total;
      Odds<T> odds;
      odds.label = odds.total = logs[label] + previous;
      Prefix<T>* child = FindChild(p, label);
      if ((child != nullptr && child->IsActive()) || !IsCandidate(odds)) continue;
      if (child == nullptr) child = AddChild(p, label);
      child->before = Odds<T>();
      child->now = odds;
      Push(child);
    }
  }

  bool IsCandidate(const Odds<T>& odds) const {
    return odds.total > kNever<T> && (beam_.size() < width_ || odds.total > (*Worst())->now.total);
  }

  auto Worst() const {
    return std::min_element(beam_.begin(), beam_.end(), [](auto* a, auto* b) { return a->now.total < b->now.total; });
  }

  // Takes the place of the worst prefix where the beam is full.
  void Push(Prefix<T>* p) {
    if (beam_.size() >= width_) {
      const auto worst = Worst();
      (*worst)->now = Odds<T>();
      beam_.erase(worst);
    }
    beam_.push_back(p);
  }

  static Prefix<T>* FindChild(const Prefix<T>* p, int64_t label) {
    for (const auto& [key, child] : p->children) {
      if (key == label) return child;
    }
    return nullptr;
  }

  Prefix<T>* AddChild(Prefix<T>* p, int64_t label) {
    prefixes_.emplace_back();
    Prefix<T>* child = &prefixes_.back();
    child->parent = p;
    child->label = label;
    p->children.push_back({label, child});
    return child;
  }

  int64_t blank_;
  size_t width_;
  std::deque<Prefix<T>> prefixes_;  // a deque, so that addresses stay
  std::vector<Prefix<T>*> beam_;
};

template <typename T>
Labels LabelsOf(const Prefix<T>* p, bool merge) {
  Labels labels;
  int64_t previous = -1;
  for (; p->parent != nullptr; p = p->parent) {
    if (!merge || p->label != previous) labels.push_back(p->label);
    previous = p->label;
  }
  std::reverse(labels.begin(), labels.end());
  return labels;
}

template <typename T>
Status Beam(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const CtcShape s, CheckLengths(c.input(0), c.input(1)));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const int64_t width = IntAttr(attrs, "beam_width", 1);
  const int64_t paths = IntAttr(attrs, "top_paths", 1);
  const bool merge = IntAttr(attrs, "merge_repeated", 1) != 0;
  if (width < paths || width > 1'000'000) {
    return MakeError(ErrorCode::kAttribute, "beam_width must be in [top_paths, 1000000], got ", width);
  }
  MOULIN_RETURN_IF_ERROR(c.Allocate(static_cast<int>(3 * paths), c.input(0).dtype(), Shape{s.batch, paths}));
  std::vector<std::vector<Labels>> rows(paths, std::vector<Labels>(s.batch));
  for (int64_t b = 0; b < s.batch; ++b) {
    BeamSearch<T> search(s.classes, width);
    for (int64_t t = 0; t < c.input(1).values<int32_t>()[b]; ++t) {
      search.Step(&c.input(0).values<T>()[(t * s.batch + b) * s.classes]);
    }
    const std::vector<Prefix<T>*> best = search.Best(paths);
    if (static_cast<int64_t>(best.size()) < paths) {
      return MakeError(ErrorCode::kValue, "sequence ", b, " has ", best.size(), " paths only, top_paths is ", paths);
    }
    for (int64_t p = 0; p < paths; ++p) {
      rows[p][b] = LabelsOf(best[p], merge);
      c.output(static_cast<int>(3 * paths)).mutable_values<T>()[b * paths + p] = best[p]->now.total;
    }
  }
  for (int p = 0; p < paths; ++p) MOULIN_RETURN_IF_ERROR(EmitPath(c, p, static_cast<int>(paths), rows[p]));
  return absl::OkStatus();
}

Status CheckedRun(const KernelContext& c, InferFn infer, ReferenceFn f32, ReferenceFn f64) {
  std::vector<TensorType> types;
  MOULIN_RETURN_IF_ERROR(InferFromInputs(c, infer, &types));
  return c.input(0).dtype() == DType::kFloat32 ? f32(c) : f64(c);
}

Status GreedyDecoder(const KernelContext& c) { return CheckedRun(c, InferGreedy, Greedy<float>, Greedy<double>); }
Status BeamDecoder(const KernelContext& c) { return CheckedRun(c, InferBeam, Beam<float>, Beam<double>); }

constexpr HostOp kCtcKernels[] = {
    {"CTCBeamSearchDecoder", 2, 2, InferBeam, BeamDecoder},
    {"CTCGreedyDecoder", 2, 2, InferGreedy, GreedyDecoder},
};

}  // namespace

absl::Span<const HostOp> CtcKernels() { return kCtcKernels; }

}  // namespace moulin
