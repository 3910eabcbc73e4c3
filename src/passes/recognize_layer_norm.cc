// Finds layer normalisation written out over the innermost axis:
//
//   m = mean(x), v = mean((x - m)^2), r = 1 / sqrt(v + epsilon), y = (x - m) * r * scale + offset
//
// in whatever order the products and sums are written (TensorFlow 1's batch_normalization computes x * (r * scale) +
// (offset - m * (r * scale))): both (x - m)^2 and y are multiplied out into polynomials over x, m, r and what is left,
// and compared as such. Scale and offset are vectors of the innermost axis's size; either may be missing.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "passes/constants.h"
#include "passes/pass.h"
#include "passes/reduce_facts.h"
#include "passes/rewriter.h"
#include "passes/term.h"

namespace moulin {
namespace {

constexpr int kMaxMonomials = 16;
constexpr int kMaxDegree = 6;
constexpr int kMaxDepth = 12;      // of the terms looked at
constexpr int kMaxVisited = 64;    // terms looked at for one candidate
constexpr int kMaxMapsBehind = 6;  // Maps between the one with the square root and the result

// A sum of products of atoms (by number), with coefficients.
using Monomial = absl::InlinedVector<int, kMaxDegree>;
using Polynomial = std::map<Monomial, double>;

Polynomial Number(double value) {
  Polynomial p;
  p[Monomial()] = value;
  return p;
}

Polynomial Atom(int atom) {
  Polynomial p;
  p[Monomial(1, atom)] = 1;
  return p;
}

// Multiplies terms out. Atoms are leaves, reciprocal square roots, the terms given to AddAtom, and what is neither a
// sum, a difference nor a product.
class Expander {
 public:
  explicit Expander(const Terms& terms) : terms_(terms) {}

  int AddAtom(TermRef term) {
    const auto it = std::find(atoms_.begin(), atoms_.end(), term);
    if (it != atoms_.end()) return static_cast<int>(it - atoms_.begin());
    atoms_.push_back(term);
    return static_cast<int>(atoms_.size()) - 1;
  }
  TermRef atom(int i) const { return atoms_[i]; }

  // Nothing where it becomes too large.
  std::optional<Polynomial> Expand(TermRef term, int depth = 0) {
    if (++visited_ > kMaxVisited || depth > kMaxDepth) return std::nullopt;
    if (IsAtom(term)) return Atom(AddAtom(term));
    if (const auto scalar = terms_.Scalar(term)) return Number(*scalar);
    if (term.is_leaf()) return Atom(AddAtom(term));
    switch (terms_.instr(term).op) {
      case ExprOp::kAdd:
        return Sum(term, 1, depth);
      case ExprOp::kSub:
        return Sum(term, -1, depth);
      case ExprOp::kMul:
        return Product(Expand(terms_.Operand(term, 0), depth + 1), Expand(terms_.Operand(term, 1), depth + 1));
      case ExprOp::kNeg:
        return Product(Number(-1), Expand(terms_.Operand(term, 0), depth + 1));
      case ExprOp::kDiv:
        return Quotient(term, depth);
      default:
        return Atom(AddAtom(term));
    }
  }

 private:
  bool IsAtom(TermRef term) const { return std::find(atoms_.begin(), atoms_.end(), term) != atoms_.end(); }

  std::optional<Polynomial> Sum(TermRef term, double sign, int depth) {
    std::optional<Polynomial> a = Expand(terms_.Operand(term, 0), depth + 1);
    const std::optional<Polynomial> b = Expand(terms_.Operand(term, 1), depth + 1);
    if (!a || !b) return std::nullopt;
    for (const auto& [monomial, coefficient] : *b) AddTo(monomial, sign * coefficient, &*a);
    return Bounded(std::move(*a));
  }

  // A division by a square root is a product with the reciprocal square root, for which the root stands as an atom.
  std::optional<Polynomial> Quotient(TermRef term, int depth) {
    const TermRef divisor = terms_.Operand(term, 1);
    std::optional<Polynomial> dividend = Expand(terms_.Operand(term, 0), depth + 1);
    if (const auto scalar = terms_.Scalar(divisor); scalar && *scalar != 0) {
      return Product(std::move(dividend), Number(1 / *scalar));
    }
    if (terms_.Is(divisor, ExprOp::kSqrt)) return Product(std::move(dividend), Atom(AddAtom(divisor)));
    return Atom(AddAtom(term));
  }

  static std::optional<Polynomial> Product(std::optional<Polynomial> a, std::optional<Polynomial> b) {
    if (!a || !b) return std::nullopt;
    Polynomial product;
    for (const auto& [x, c] : *a) {
      for (const auto& [y, d] : *b) {
        Monomial monomial = x;
        monomial.insert(monomial.end(), y.begin(), y.end());
        if (monomial.size() > kMaxDegree) return std::nullopt;
        std::sort(monomial.begin(), monomial.end());
        AddTo(monomial, c * d, &product);
      }
    }
    return Bounded(std::move(product));
  }

  static void AddTo(const Monomial& monomial, double coefficient, Polynomial* sum) {
    double& total = (*sum)[monomial];
    total += coefficient;
    if (total == 0) sum->erase(monomial);
  }

  static std::optional<Polynomial> Bounded(Polynomial p) {
    if (p.size() > kMaxMonomials) return std::nullopt;
    return p;
  }

  const Terms& terms_;
  std::vector<TermRef> atoms_;
  int visited_ = 0;
};

Monomial Sorted(std::initializer_list<int> atoms) {
  Monomial m(atoms);
  std::sort(m.begin(), m.end());
  return m;
}

class LayerNormMatcher {
 public:
  explicit LayerNormMatcher(const Graph& graph) : graph_(graph), terms_(graph) {}

  struct Match {
    ValueId x = kNoId;
    TermRef root;  // the (reciprocal) square root; each serves one layer norm
    double epsilon = 0;
    std::optional<TermRef> scale;
    std::optional<TermRef> offset;
  };

  std::optional<Match> Find(ValueId result) const {
    for (const TermRef root : FindRoots(terms_.Of(result))) {
      Match match;
      match.root = root;
      TermRef mean;
      if (!MatchVariance(&match, &mean) || !MatchResult(terms_.Of(result), mean, &match)) continue;
      const TensorType& x = graph_.value(match.x).type;
      if (IsFloating(x.dtype) && x.dtype == graph_.value(result).type.dtype) return match;
    }
    return std::nullopt;
  }

 private:
  // Every Rsqrt, and Sqrt that is divided by, among sums and products below `term`, the nearest first: farther ones
  // belong to what x was computed from.
  std::vector<TermRef> FindRoots(TermRef term) const {
    std::vector<TermRef> roots;
    std::vector<TermRef> queue = {term};
    for (size_t next = 0; next < queue.size() && next < kMaxVisited; ++next) {
      const TermRef t = queue[next];
      if (t.is_leaf()) continue;
      switch (terms_.instr(t).op) {
        case ExprOp::kRsqrt:
          AddRoot(t, &roots);
          break;
        case ExprOp::kDiv:
          if (terms_.Is(terms_.Operand(t, 1), ExprOp::kSqrt)) AddRoot(terms_.Operand(t, 1), &roots);
          queue.push_back(terms_.Operand(t, 0));
          break;
        case ExprOp::kNeg:
          queue.push_back(terms_.Operand(t, 0));
          break;
        case ExprOp::kAdd:
        case ExprOp::kSub:
        case ExprOp::kMul:
          queue.push_back(terms_.Operand(t, 0));
          queue.push_back(terms_.Operand(t, 1));
          break;
        default:
          break;
      }
    }
    return roots;
  }

  static void AddRoot(TermRef root, std::vector<TermRef>* roots) {
    if (std::find(roots->begin(), roots->end(), root) == roots->end()) roots->push_back(root);
  }

  // From the root down: variance + epsilon, the mean of (x - mean(x))^2.
  bool MatchVariance(Match* match, TermRef* mean) const {
    const TermRef sum = terms_.Operand(match->root, 0);
    if (!terms_.Is(sum, ExprOp::kAdd)) return false;
    for (const int i : {0, 1}) {
      const auto epsilon = terms_.Scalar(terms_.Operand(sum, 1 - i));
      if (!epsilon) continue;
      match->epsilon = *epsilon;
      const Node* reduce = terms_.Producer(terms_.Operand(sum, i), OpKind::kReduce);
      const ValueId square = ReducedLast(graph_, reduce, ReduceOp::kMean);
      if (square != kNoId) return MatchSquare(terms_.Of(square), match, mean);
    }
    return false;
  }

  bool MatchSquare(TermRef square, Match* match, TermRef* mean) const {
    int visited = 0;
    const std::optional<TermRef> m = FindMean(square, 0, &visited);
    if (!m) return false;
    *mean = *m;
    match->x = ReducedLast(graph_, terms_.Producer(*m, OpKind::kReduce), ReduceOp::kMean);
    Expander expander(terms_);
    const int x = expander.AddAtom(terms_.Of(match->x));
    const int mu = expander.AddAtom(*m);
    const Polynomial expected = {{Sorted({x, x}), 1}, {Sorted({x, mu}), -2}, {Sorted({mu, mu}), 1}};
    return expander.Expand(square) == expected;
  }

  std::optional<TermRef> FindMean(TermRef term, int depth, int* visited) const {
    if (++*visited > kMaxVisited || depth > 4) return std::nullopt;
    if (ReducedLast(graph_, terms_.Producer(term, OpKind::kReduce), ReduceOp::kMean) != kNoId) return term;
    if (term.is_leaf()) return std::nullopt;
    for (int i = 0; i < NumOperands(terms_.instr(term).op); ++i) {
      if (const auto mean = FindMean(terms_.Operand(term, i), depth + 1, visited)) return mean;
    }
    return std::nullopt;
  }

  // y = x r scale - mean r scale + offset, multiplied out.
  bool MatchResult(TermRef result, TermRef mean, Match* match) const {
    Expander expander(terms_);
    const int x = expander.AddAtom(terms_.Of(match->x));
    const int m = expander.AddAtom(mean);
    const int r = expander.AddAtom(match->root);
    std::optional<Polynomial> y = expander.Expand(result);
    if (!y) return false;
    const auto with_x = std::find_if(y->begin(), y->end(), [&](const auto& entry) { return Contains(entry.first, x); });
    if (with_x == y->end() || with_x->second != 1) return false;
    Monomial scale = with_x->first;
    if (!Remove(x, &scale) || !Remove(r, &scale) || scale.size() > 1) return false;
    Monomial with_mean = scale;
    with_mean.push_back(m);
    with_mean.push_back(r);
    std::sort(with_mean.begin(), with_mean.end());
    y->erase(with_x);
    const auto it = y->find(with_mean);
    if (it == y->end() || it->second != -1) return false;
    y->erase(it);
    if (!scale.empty() && !SetVector(expander.atom(scale[0]), *match, &match->scale)) return false;
    if (y->empty()) return true;
    const auto& [offset, coefficient] = *y->begin();
    return y->size() == 1 && coefficient == 1 && offset.size() == 1 &&
           SetVector(expander.atom(offset[0]), *match, &match->offset);
  }

  static bool Contains(const Monomial& m, int atom) { return std::find(m.begin(), m.end(), atom) != m.end(); }
  static bool Remove(int atom, Monomial* m) {
    const auto it = std::find(m->begin(), m->end(), atom);
    if (it == m->end()) return false;
    m->erase(it);
    return true;
  }

  // Takes a term that is a value of shape [size of the innermost axis].
  bool SetVector(TermRef term, const Match& match, std::optional<TermRef>* vector) const {
    const ValueId value = terms_.ValueOf(term);
    const PartialShape& x = graph_.value(match.x).type.shape;
    if (value == kNoId || x.rank() < 1) return false;
    const PartialShape& shape = graph_.value(value).type.shape;
    *vector = term;
    return shape.rank() == 1 && shape.dim(0) != kUnknownDim && shape.dim(0) == x.dim(x.rank() - 1) &&
           graph_.value(value).type.dtype == graph_.value(match.x).type.dtype;
  }

  const Graph& graph_;
  const Terms terms_;
};

// For each node, the number of Maps since the last one with a square root; kMaxMapsBehind + 1 where it is farther.
std::vector<int> MapsSinceRoot(const Graph& graph) {
  std::vector<int> distance(graph.num_nodes(), kMaxMapsBehind + 1);
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (node.kind != OpKind::kMap) continue;
    const auto instrs = node.attr<MapAttrs>().expr.instrs();
    if (std::any_of(instrs.begin(), instrs.end(),
                    [](const Instr& i) { return i.op == ExprOp::kRsqrt || i.op == ExprOp::kSqrt; })) {
      distance[id] = 0;
      continue;
    }
    for (const ValueId v : node.inputs) {
      const NodeId producer = graph.value(v).producer;
      if (producer != kNoId) distance[id] = std::min(distance[id], distance[producer] + 1);
    }
  }
  return distance;
}

// The vector of a match, or one of ones or zeros where it has none.
ValueId Parameter(const std::optional<TermRef>& term, ValueId x, double missing, const Terms& terms, GraphBuilder* b) {
  if (term) return terms.ValueOf(*term);
  const PartialShape& shape = b->shape(x);
  const int64_t size = shape.dim(shape.rank() - 1);
  return b->Constant(FromDoubles(b->dtype(x), Shape({size}), std::vector<double>(size, missing)));
}

}  // namespace

StatusOr<bool> RecognizeLayerNorm(Graph* graph, const PassOptions& options) {
  const LayerNormMatcher matcher(*graph);
  const std::vector<int> distance = MapsSinceRoot(*graph);
  // From the end, so that the Map that adds the offset is tried before those it reads.
  std::vector<std::pair<NodeId, LayerNormMatcher::Match>> matches;
  absl::flat_hash_set<std::pair<ValueId, int>> taken;  // roots
  for (NodeId id = graph->num_nodes() - 1; id >= 0; --id) {
    if (graph->node(id).kind != OpKind::kMap || distance[id] > kMaxMapsBehind) continue;
    const auto match = matcher.Find(graph->node(id).outputs[0]);
    if (!match) continue;
    const PartialShape& x = graph->value(match->x).type.shape;
    const bool has_size = x.rank() >= 1 && x.dim(x.rank() - 1) > 0;
    if (has_size && taken.emplace(match->root.value, match->root.instr).second) matches.emplace_back(id, *match);
  }
  Rewriter rewriter(graph, options);
  GraphBuilder& b = rewriter.builder();
  const Terms terms(*graph);
  for (const auto& [id, match] : matches) {
    rewriter.Visit(id);
    const ValueId scale = Parameter(match.scale, match.x, 1, terms, &b);
    const ValueId offset = Parameter(match.offset, match.x, 0, terms, &b);
    const ValueId y = b.Add(OpKind::kLayerNorm, LayerNormAttrs{match.epsilon}, {match.x, scale, offset});
    rewriter.Replace(graph->node(id).outputs[0], y);
  }
  return rewriter.Finish();
}

}  // namespace moulin
