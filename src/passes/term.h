// Elementwise computations as terms, seen through the boundaries of Maps and epilogues, for the passes that look for
// patterns: whether a pattern's steps are still one Map each or have been fused makes no difference to them.
#ifndef MOULIN_PASSES_TERM_H_
#define MOULIN_PASSES_TERM_H_

#include <optional>

#include "ir/graph.h"
#include "ops/graph_builder.h"

namespace moulin {

// An instruction of the expression that computes `value`, or a leaf. Terms of one graph are the same computation where
// they are equal (as far as equal computations were merged before).
struct TermRef {
  static constexpr int kLeaf = -1;     // `value` itself, which no expression computes
  static constexpr int kProduct = -2;  // the product in front of the epilogue that computes `value`
  ValueId value = kNoId;
  int instr = kLeaf;
  bool is_leaf() const { return instr < 0; }
  friend bool operator==(const TermRef&, const TermRef&) = default;
};

// Reads a graph; valid until it changes.
class Terms {
 public:
  explicit Terms(const Graph& graph) : graph_(graph) {}

  // The term that computes a value, never one that merely reads another.
  TermRef Of(ValueId value) const;
  // The instruction of a term that is no leaf.
  const Instr& instr(TermRef term) const;
  // Operand `i` of such a term.
  TermRef Operand(TermRef term, int i) const;
  bool Is(TermRef term, ExprOp op) const { return !term.is_leaf() && instr(term).op == op; }

  // The value of a real scalar constant, held in an expression or in a tensor of one element.
  std::optional<double> Scalar(TermRef term) const;

  // The node of a leaf, where its kind is this one; else null.
  const Node* Producer(TermRef term, OpKind kind) const;

  // The value that a term computes, or kNoId for one inside an expression.
  ValueId ValueOf(TermRef term) const;

  // The value that a term computes, made by a Map of its own where there is none. kNoId where it depends on a product
  // that is no value. Adds to the graph: terms stay valid, references do not.
  ValueId Materialize(TermRef term, GraphBuilder* builder) const;

 private:
  // The expression that computes `value`, with the node it belongs to; null where none does.
  const Expr* Expression(ValueId value) const;
  TermRef Resolve(TermRef term) const;  // skips the instructions that read an input

  const Graph& graph_;
};

// How many inputs in front of those of the epilogue a Conv, ConvTranspose or Contract has; -1 for other nodes.
int EpilogueOffset(const Node& node);

}  // namespace moulin

#endif  // MOULIN_PASSES_TERM_H_
