// The text of a kernel: a Source (kernels/row_kernels.h) that computes the expression where it is read, and the body of
// the kernel that reads it. Covered by tests/cuda/codegen/prologue_source_test.cc.
#include "cuda/codegen/prologue_source.h"

#include <limits>
#include <string>

#include "absl/strings/str_join.h"
#include "cuda/codegen/expr_writer.h"

namespace moulin::cuda {
namespace {

bool IsFold(PrologueReader reader) {
  return reader == PrologueReader::kFoldRows || reader == PrologueReader::kFoldColumns;
}

const char* PrefixOf(PrologueReader reader) {
  switch (reader) {
    case PrologueReader::kSoftmax:
      return "moulin_softmax_";
    case PrologueReader::kLayerNorm:
      return "moulin_layer_norm_";
    case PrologueReader::kFoldRows:
      return "moulin_fold_rows_";
    case PrologueReader::kFoldColumns:
      return "moulin_fold_columns_";
  }
  return "";
}

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

// Whole words of one row each; else, and in columns, single elements.
int MaxCount(const PrologueProblem& problem) {
  if (problem.reader == PrologueReader::kFoldColumns) return 1;
  int count = 16;
  while (problem.row_size % count != 0) count /= 2;
  return count;
}

class PrologueWriter : public ExprWriter {
 public:
  explicit PrologueWriter(const PrologueProblem& problem)
      : ExprWriter(problem.map, MaxCount(problem)), problem_(problem) {}

  PrologueSource Write() {
    WriteHead(IsFold(problem_.reader) ? "cuda/kernels/fold_kernels.h" : "cuda/kernels/row_kernels.h");
    WriteReader();
    WriteKernel();
    PrologueSource result;
    result.source = Finish(PrefixOf(problem_.reader));
    for (const ExprOperand& operand : operands()) result.inputs.push_back(operand.input);
    return result;
  }

 private:
  void WriteReader() {
    Line("struct Reader {");
    Line("  using F = ", HeldName(expr_.result_type()), ";");
    Line("  static constexpr int kCount = ", count(), ";");
    Line("  template <typename I>");
    Line("  __device__ inline void ReadRow(int64_t start, I at, I, F (&r)[kCount]) const {");
    Line("    const Index first = static_cast<Index>(start + at), size = first + ", count(), "u;");
    WriteOnes();
    WriteReads();
    WriteComputeAll();
    Line("  }");
    for (const ExprOperand& operand : operands()) Line("  const void* x", operand.input, ";");
    Line("  bool words;\n};\n}  // namespace\n");
  }

  void WriteKernel() {
    const bool is_fold = IsFold(problem_.reader);
    const bool has_parameters = problem_.reader == PrologueReader::kLayerNorm;
    Line("extern \"C\" __global__ void __launch_bounds__(", MaxThreads(), ") ", kNamePlace, "(", Parameters(),
         has_parameters ? "const void* scale, const void* offset, " : "",
         "void* y, const __grid_constant__ cuda::", is_fold ? "FoldParams" : "RowParams", " p) {");
    const auto initializer = [](std::string* out, const ExprOperand& operand) {
      absl::StrAppend(out, "x", operand.input);
    };
    Line("  const Reader reader = {", absl::StrJoin(operands(), ", ", initializer), ", ", WordsText("true"), "};");
    WriteCall();
    Line("}");
  }

  int MaxThreads() const { return problem_.reader == PrologueReader::kFoldRows ? 1024 : 512; }

  void WriteCall() {
    const std::string type = TypeName(expr_.result_type());
    const std::string policy = absl::StrCat("cuda::FloatFold<", type, ", cuda::FoldOp::", FoldOpName(problem_.op), ">");
    switch (problem_.reader) {
      case PrologueReader::kSoftmax:
        return Line("  cuda::SoftmaxOfRows<", type, ", ", problem_.words, ">(reader, y, p);");
      case PrologueReader::kLayerNorm:
        return Line("  cuda::LayerNormOfRows<", type, ", ", TypeName(problem_.parameter), ", ", problem_.words,
                    ">(reader, scale, offset, y, p);");
      case PrologueReader::kFoldRows:
        return Line("  cuda::FoldRowsOf<", policy, ">(reader, y, p);");
      case PrologueReader::kFoldColumns:
        Line("  __shared__ ", policy, "::Accumulator shared[cuda::kMaxColumnThreads];");
        return Line("  cuda::FoldColumnsOf<", policy, ">(reader, y, p, shared);");
    }
  }

  const PrologueProblem& problem_;
};

}  // namespace

int PrologueElementsAWord(const PrologueProblem& problem) { return PrologueWriter(problem).count(); }

std::optional<PrologueSource> MakePrologueSource(const PrologueProblem& problem) {
  if (!IsCovered(problem.map.expr) || !IsFloating(problem.map.expr.result_type())) return std::nullopt;
  return PrologueWriter(problem).Write();
}

}  // namespace moulin::cuda
