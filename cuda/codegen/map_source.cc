// The text of a kernel: a function that computes one element from the inputs' elements, and a loop around it that reads
// and writes as many elements at a time as fill 16 bytes of the widest operand. Covered by
// tests/cuda/codegen/map_source_test.cc.
#include "cuda/codegen/map_source.h"

#include <limits>

#include "cuda/codegen/expr_writer.h"

namespace moulin::cuda {
namespace {

class MapWriter : public ExprWriter {
 public:
  explicit MapWriter(const MapProblem& problem) : ExprWriter(problem, std::numeric_limits<int>::max()) {}

  MapSource Write() {
    WriteHead("cuda/codegen/device/map.h");
    Line("}  // namespace\n");
    WriteKernel();
    MapSource result;
    result.source = Finish("moulin_map_");
    for (const ExprOperand& operand : operands()) {
      result.inputs.push_back(operand.input);
      result.is_in_place.push_back(operand.access == OperandAccess::kSame &&
                                   SizeOf(operand.type) == SizeOf(expr_.result_type()));
    }
    result.elements_a_thread = count();
    return result;
  }

 private:
  void WriteKernel() {
    const DType result = expr_.result_type();
    Line("extern \"C\" __global__ void __launch_bounds__(256) ", kNamePlace, "(", Parameters(),
         "void* y, long long n) {");
    Line("  const Index size = static_cast<Index>(n);");
    Line("  const bool words = ", WordsText(absl::StrCat("map::IsAligned", Template(result), "(y)")), ";");
    WriteOnes();
    Line("  const Index step = static_cast<Index>(gridDim.x) * blockDim.x * ", count(), "u;");
    Line("  Index first = (static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x) * ", count(), "u;");
    Line("  for (; first < size; first += step) {");
    WriteReads();
    Line("    ", HeldName(result), " r[", count(), "];");
    WriteComputeAll();
    Line("    map::WriteSome", Template(result), "(y, first, size, words, r);");
    Line("  }\n}");
  }
};

}  // namespace

std::optional<MapSource> MakeMapSource(const MapProblem& problem) {
  if (!IsCovered(problem.expr)) return std::nullopt;
  return MapWriter(problem).Write();
}

}  // namespace moulin::cuda
