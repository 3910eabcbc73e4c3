// Generated reductions and normalisations of expressions: what they compute, compiled for the emulator, against the
// reference of the expression and then of the op.
#include "cuda/codegen/prologue_source.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/str_replace.h"
#include "codegen/host_compiler.h"
#include "codegen/prologue_cases.h"
#include "cuda/kernels/row_params.h"
#include "gtest/gtest-spi.h"
#include "ops/map_eval.h"

namespace moulin::cuda {
namespace {

constexpr double kEpsilon = 1.0;

Tensor Parameter(const PrologueCase& c, uint64_t seed) { return RandomTensor(DType::kFloat32, Shape{c.size}, seed); }

ReduceOp ReduceOpOf(FoldOp op) {
  if (op == FoldOp::kSum) return ReduceOp::kSum;
  if (op == FoldOp::kProd) return ReduceOp::kProd;
  return op == FoldOp::kMax ? ReduceOp::kMax : ReduceOp::kMin;
}

// By the reference: the expression's values are rounded to its type, and so is what comes of them.
Tensor Expected(const PrologueCase& c) {
  Tensor x = *Tensor::Allocate(c.result, c.shape());
  const Status status = EvaluateExpr(ScaledAndShifted(c.from, c.result), OperandsOf(c), &x);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<Tensor> operands = {x};
  Graph graph;
  if (c.reader == PrologueReader::kSoftmax) {
    graph = OneNodeGraph(OpKind::kSoftmax, SoftmaxAttrs{c.is_log}, operands, 0);
  } else if (c.reader == PrologueReader::kLayerNorm) {
    operands = {x, Parameter(c, 2), Parameter(c, 3)};
    graph = OneNodeGraph(OpKind::kLayerNorm, LayerNormAttrs{kEpsilon}, operands, 0);
  } else {
    const Tensor axes = Tensor::Of<int32_t>(Shape{1}, {1});
    graph = OneNodeGraph(OpKind::kReduce, ReduceAttrs{ReduceOpOf(c.op)}, {x, axes}, Input(1));
  }
  return (*RunGraphReference(graph, operands))[0];
}

// The launch of a kernel over rows, whose groups have just the threads that hold a row.
Status RunRows(const PrologueCase& c, const void* function, std::vector<void*> args) {
  const int count = WithProblem(c, PrologueElementsAWord);
  RowParams p;
  p.rows = c.outer;
  p.size = c.size;
  p.is_log = c.is_log;
  p.epsilon = kEpsilon;
  p.threads =
      static_cast<int>(std::bit_ceil(static_cast<uint64_t>((c.size + count * c.words - 1) / (count * c.words))));
  const int block = std::max(256, p.threads);
  args.push_back(&p);
  const int64_t rows_a_block = block / p.threads;
  return emulator::Run(function, dim3(static_cast<unsigned>((c.outer + rows_a_block - 1) / rows_a_block)),
                       dim3(static_cast<unsigned>(block)), 0, args.data());
}

Status RunFold(const PrologueCase& c, const void* function, std::vector<void*> args) {
  FoldParams p;
  p.op = c.op;
  p.outputs = c.outer * c.inner;
  p.size = c.size;
  p.inner = c.inner;
  p.chunk = c.chunk == 0 ? (c.size + 15) / 16 * 16 : c.chunk;
  p.parts = (c.size + p.chunk - 1) / p.chunk;
  p.threads = 8;
  args.push_back(&p);
  const auto parts = static_cast<unsigned>(p.parts);
  if (c.reader == PrologueReader::kFoldColumns) {
    const auto tiles = static_cast<unsigned>((c.inner + 31) / 32);
    return emulator::Run(function, dim3(static_cast<unsigned>(c.outer) * tiles, parts), dim3(32, 8), 0, args.data());
  }
  return emulator::Run(function, dim3(static_cast<unsigned>((p.outputs + 31) / 32), parts), dim3(256), 0, args.data());
}

// The sums of parts, which a second kernel would add.
Tensor AddParts(const std::vector<float>& sums, int64_t outputs) {
  const int64_t parts = static_cast<int64_t>(sums.size()) / outputs;
  Tensor y = *Tensor::Allocate(DType::kFloat32, Shape{outputs});
  for (int64_t o = 0; o < outputs; ++o) {
    float sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += sums[o * parts + part];
    y.mutable_values<float>()[o] = sum;
  }
  return y;
}

StatusOr<Tensor> RunGenerated(const PrologueCase& c, KernelCompiler& compiler) {
  const std::vector<Tensor> operands = OperandsOf(c);
  const Tensor scale = Parameter(c, 2), offset = Parameter(c, 3);
  Tensor y = *Tensor::Allocate(c.result, c.is_fold() ? Expected(c).shape() : c.shape());
  std::vector<float> sums(c.chunk == 0 ? 0 : c.outer * ((c.size + c.chunk - 1) / c.chunk));
  const PrologueSource source = SourceOf(c);
  std::vector<const void*> addresses;
  for (const int input : source.inputs) addresses.push_back(operands[input].data());
  if (c.reader == PrologueReader::kLayerNorm) {
    addresses.push_back(scale.data());
    addresses.push_back(offset.data());
  }
  addresses.push_back(sums.empty() ? y.mutable_data() : sums.data());
  std::vector<void*> args;
  for (const void*& address : addresses) args.push_back(&address);
  const StatusOr<const void*> function = compiler.Load(source.source);
  if (!function.ok()) return function.status();
  const Status status = c.is_fold() ? RunFold(c, *function, args) : RunRows(c, *function, args);
  if (!status.ok()) return status;
  return sums.empty() ? y : AddParts(sums, c.outer);
}

void ExpectEqualsReference(const PrologueCase& c, KernelCompiler& compiler) {
  const Tensor expected = Expected(c);
  for (const emulator::Order order : {emulator::Order::kForward, emulator::Order::kShuffled}) {
    emulator::Schedule schedule;
    schedule.order = order;
    emulator::SetSchedule(schedule);
    const StatusOr<Tensor> got = RunGenerated(c, compiler);
    ASSERT_TRUE(got.ok()) << got.status();
    ExpectClose(*got, expected, c.tolerance);
  }
  emulator::SetSchedule(emulator::Schedule());
}

TEST(PrologueSource, EqualsTheReference) {
  const std::vector<PrologueCase> cases = AllPrologueCases();
  std::vector<KernelText> sources;
  for (const PrologueCase& c : cases) sources.push_back(SourceOf(c).source);
  HostCompiler compiler;
  const Status status = compiler.CompileAll(sources);
  ASSERT_TRUE(status.ok()) << status;
  for (const PrologueCase& c : cases) {
    SCOPED_TRACE(c.name());
    ExpectEqualsReference(c, compiler);
  }
}

// Compiles a kernel that is spoilt in one place.
class SpoilingCompiler : public KernelCompiler {
 public:
  SpoilingCompiler(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  StatusOr<const void*> Load(const KernelText& source) override {
    KernelText spoilt = source;
    if (absl::StrReplaceAll({{from_, to_}}, &spoilt.text) == 0)
      ADD_FAILURE() << "no " << from_ << " in\n" << source.text;
    return compiler_.Load(spoilt);
  }

 private:
  const std::string from_, to_;
  HostCompiler compiler_;
};

void ExpectNoticed(const PrologueCase& c, const std::string& from, const std::string& to) {
  SCOPED_TRACE(from);
  SpoilingCompiler compiler(from, to);
  const StatusOr<Tensor> got = RunGenerated(c, compiler);
  if (!got.ok()) return;  // the emulator noticed
  static Tensor x, y;     // EXPECT_NONFATAL_FAILURE takes nothing local
  static double tolerance;
  x = *got;
  y = Expected(c);
  tolerance = c.tolerance;
  EXPECT_NONFATAL_FAILURE(ExpectClose(x, y, tolerance), "");
}

TEST(PrologueSource, WrongCodeIsNoticed) {
  PrologueCase c;
  c.outer = 6;
  c.size = 64;
  c.tolerance = 2e-5;
  ExpectNoticed(c, "static_cast<Index>(start + at)", "static_cast<Index>(at)");
  c.reader = PrologueReader::kLayerNorm;
  ExpectNoticed(c, "scalar::Mul(", "scalar::Add(");
  c.reader = PrologueReader::kFoldRows;
  ExpectNoticed(c, "i % 64u", "i % 32u");
  c.reader = PrologueReader::kFoldColumns;
  c.inner = 9;
  ExpectNoticed(c, "FoldOp::kSum>>", "FoldOp::kMax>>");
}

TEST(PrologueSource, ReadsInWordsOfWholeRowsAlone) {
  const auto count = [](int64_t size, PrologueReader reader) {
    PrologueCase c;
    c.reader = reader;
    c.from = c.result = DType::kFloat16;
    c.outer = 4;
    c.size = size;
    return WithProblem(c, PrologueElementsAWord);
  };
  EXPECT_EQ(count(64, PrologueReader::kSoftmax), 4);  // words of the float32 operand
  EXPECT_EQ(count(66, PrologueReader::kSoftmax), 2);
  EXPECT_EQ(count(67, PrologueReader::kLayerNorm), 1);
  EXPECT_EQ(count(64, PrologueReader::kFoldColumns), 1);
}

TEST(PrologueSource, OtherResultsAreNotCovered) {
  Expr integers;
  integers.Unary(ExprOp::kNeg, integers.Input(0, DType::kInt32));
  const std::vector<Shape> shapes = {Shape{4, 4}};
  PrologueProblem problem = {{integers, shapes, shapes[0]}, PrologueReader::kFoldRows};
  problem.row_size = 4;
  EXPECT_FALSE(MakePrologueSource(problem).has_value());
}

}  // namespace
}  // namespace moulin::cuda
