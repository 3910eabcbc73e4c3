// The text of a kernel: a Source (kernels/fold_kernels.h) that computes the expression where it is read, and the kernel
// that folds it. Covered by tests/cuda/codegen/fold_source_test.cc.
#include "cuda/codegen/fold_source.h"

#include <string>

#include "absl/strings/str_join.h"
#include "cuda/codegen/expr_writer.h"

namespace moulin::cuda {
namespace {

const char* FoldOpName(FoldOp op) {
  switch (op) {
    case FoldOp::kSum:
      return "kSum";
    case FoldOp::kProd:
      return "kProd";
    case FoldOp::kMax:
      return "kMax";
    default:
      return "kMin";
  }
}

// The policy that FoldFunctionsFor takes for the type.
std::string PolicyName(DType type, FoldOp op) {
  if (IsFloating(type))
    return absl::StrCat("cuda::FloatFold<", TypeName(type), ", cuda::FoldOp::", FoldOpName(op), ">");
  return absl::StrCat("cuda::IntegerFold<", type == DType::kBool ? "uint8_t" : TypeName(type), ">");
}

// Whole words of one row each; else single elements.
int MaxCount(const FoldProblem& problem) {
  if (problem.walk != FoldWalk::kRows) return 1;
  int count = 16;
  while (problem.row_size % count != 0) count /= 2;
  return count;
}

class FoldWriter : public ExprWriter {
 public:
  explicit FoldWriter(const FoldProblem& problem) : ExprWriter(problem.map, MaxCount(problem)), problem_(problem) {}

  FoldSource Write() {
    WriteHead("cuda/kernels/fold_kernels.h");
    WriteReader();
    WriteKernel();
    FoldSource result;
    result.source = Finish("moulin_fold_");
    for (const ExprOperand& operand : operands()) result.inputs.push_back(operand.input);
    result.elements_at_a_time = count();
    return result;
  }

 private:
  void WriteReader() {
    Line("struct Reader {");
    Line("  using F = ", HeldName(expr_.result_type()), ";");
    Line("  static constexpr int kCount = ", count(), ";");
    Line("  __device__ inline void Read(int64_t start, int64_t at, int64_t, F (&r)[kCount]) const {");
    Line("    const Index first = static_cast<Index>(start + at), size = first + ", count(), "u;");
    WriteOnes();
    WriteReads();
    WriteComputeAll();
    Line("  }");
    for (const ExprOperand& operand : operands()) Line("  const void* x", operand.input, ";");
    Line("  bool words;\n};\n}  // namespace\n");
  }

  void WriteKernel() {
    Line("extern \"C\" __global__ void __launch_bounds__(", kFoldThreads, ") ", kNamePlace, "(", Parameters(),
         "void* y, const __grid_constant__ cuda::FoldParams p) {");
    const auto initializer = [](std::string* out, const ExprOperand& operand) {
      absl::StrAppend(out, "x", operand.input, ", ");
    };
    Line("  const Reader reader = {", absl::StrJoin(operands(), "", initializer), WordsText("true"), "};");
    Line("  using Policy = ", PolicyName(expr_.result_type(), problem_.op), ";");
    switch (problem_.walk) {
      case FoldWalk::kRows:
        Line("  cuda::FoldRowsOf<Policy>(reader, y, p);");
        break;
      case FoldWalk::kColumns:
        Line("  __shared__ Policy::Accumulator shared[cuda::kMaxColumnThreads];");
        Line("  cuda::FoldColumnsOf<Policy>(reader, y, p, shared);");
        break;
      case FoldWalk::kStrided:
        Line("  cuda::FoldStridedOf<Policy>(reader, y, p);");
        break;
    }
    Line("}");
  }

  const FoldProblem& problem_;
};

}  // namespace

std::optional<FoldSource> MakeFoldSource(const FoldProblem& problem) {
  if (!IsCovered(problem.map.expr)) return std::nullopt;
  return FoldWriter(problem).Write();
}

}  // namespace moulin::cuda
