// Expressions as text of CUDA C++: what the writers of generated kernels (map_source.cc, fold_source.cc) share.
#ifndef MOULIN_CUDA_CODEGEN_EXPR_WRITER_H_
#define MOULIN_CUDA_CODEGEN_EXPR_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cuda/codegen/kernel_compiler.h"
#include "cuda/codegen/map_source.h"
#include "ir/expr.h"
#include "moulin/shape.h"

namespace moulin::cuda {

// The element type as device/map.h knows it; null for those that are not covered.
const char* TypeName(DType type);
// The type of a variable that holds an element.
const char* HeldName(DType type);
// Whether there is a text for every instruction.
bool IsCovered(const Expr& expr);

// An axis of an operand, seen as part of the output: axes along which its elements lie evenly are one.
struct OperandAxis {
  int64_t size;
  int64_t stride;  // in elements of the operand
};

// How the elements of an operand are found that a thread needs for elements [first, first + count) of the output.
enum class OperandAccess {
  kSame,     // at [first, first + count)
  kOne,      // one element for the whole output
  kRow,      // next to each other, from an offset on
  kOneARow,  // one element for all of them, at an offset
  kAny,      // each at an offset of its own
};

struct ExprOperand {
  int input;  // of the expression
  DType type;
  std::vector<OperandAxis> axes;
  OperandAccess access = OperandAccess::kAny;

  bool has_offset() const {
    return access == OperandAccess::kRow || access == OperandAccess::kOneARow || access == OperandAccess::kAny;
  }
  bool is_array() const { return access != OperandAccess::kOne && access != OperandAccess::kOneARow; }
  // Whether it is read in words.
  bool has_words() const { return access == OperandAccess::kSame || access == OperandAccess::kRow; }
};

// Writes the parts of a kernel that computes elements [first, first + count) of an expression.
class ExprWriter {
 public:
  static constexpr char kNamePlace[] = "MOULIN_NAME";

  // `max_count` bounds the count.
  ExprWriter(const MapProblem& problem, int max_count);
  int count() const { return count_; }
  const std::vector<ExprOperand>& operands() const { return operands_; }

 protected:
  // "#include", the type of an index, what finds operands, and Compute(x0, x1...): the expression of one element. An
  // anonymous namespace is left open.
  void WriteHead(const char* header);
  // Variables v0, v1... for the elements of each operand; `first`, `size` (where reading stops) and `words` (whether
  // operands are aligned) are to be there. Operands with one element for the whole output are left to WriteOnes.
  void WriteReads();
  void WriteOnes();
  // r[k] = Compute(...) for all k.
  void WriteComputeAll();
  // Whether all operands that are read in words are aligned to them, as an expression; `first` is its first term.
  std::string WordsText(std::string first) const;
  // "const void* x0, const void* x1, "
  std::string Parameters() const;
  // The text with its name, which is `prefix` and a hash of it.
  KernelText Finish(const char* prefix);
  template <typename... Parts>
  void Line(const Parts&... parts) {
    absl::StrAppend(&text_, parts..., "\n");
  }
  std::string Template(DType type) const { return absl::StrCat("<", TypeName(type), ", ", count_, ">"); }

  const Expr& expr_;

 private:
  void FindOperands(const MapProblem& problem);
  void ChooseCount(int max_count);
  OperandAccess AccessOf(const ExprOperand& operand) const;
  void WriteOffset(const ExprOperand& operand);
  void WriteCompute();
  void WriteRead(const ExprOperand& operand);
  // "x0", "v0": what belongs to an operand, by its input's number.
  static std::string Of(const char* what, const ExprOperand& operand) { return absl::StrCat(what, operand.input); }

  const int64_t elements_;
  std::vector<ExprOperand> operands_;
  int count_ = 1;  // elements that a thread takes at a time
  std::string text_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_EXPR_WRITER_H_
