// Reduce and ArgReduce: which axes are folded, in which walk, and into how many parts; prologues as generated code
// where there is a compiler, else by a map before the reduction. Covered by tests/cuda/kernels/reduce_test.cc and, as
// far as code is generated, tests/cuda/codegen/fold_source_test.cc.
#include <algorithm>
#include <bit>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/math.h"
#include "base/status_macros.h"
#include "cuda/codegen/fold_source.h"
#include "cuda/generated_function.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/reduce.h"
#include "cuda/map_kernel.h"
#include "cuda/memory.h"
#include "ops/axes.h"
#include "ops/op_util.h"

namespace moulin::cuda {
namespace {

// Neighbouring axes that are all kept or all reduced are one.
struct Run {
  bool is_reduced;
  int64_t size;
};

std::vector<Run> RunsOf(const Shape& x, const std::vector<bool>& is_reduced) {
  std::vector<Run> runs;
  for (int i = 0; i < x.rank(); ++i) {
    if (x[i] == 1) continue;
    if (!runs.empty() && runs.back().is_reduced == is_reduced[i]) {
      runs.back().size *= x[i];
    } else {
      runs.push_back({is_reduced[i], x[i]});
    }
  }
  return runs;
}

// [kept, reduced] are rows; [reduced, kept] and [kept, reduced, kept] columns.
FoldWalk WalkOf(const std::vector<Run>& runs) {
  const size_t n = runs.size();
  if (n == 0 || (n <= 2 && runs.back().is_reduced)) return FoldWalk::kRows;
  return n <= 2 || (n == 3 && runs[1].is_reduced) ? FoldWalk::kColumns : FoldWalk::kStrided;
}

// Nothing where there are more runs than maps hold.
bool SetMaps(const std::vector<Run>& runs, FoldParams* p) {
  if (runs.size() > 2 * kMaxMapRank) return false;
  std::vector<int64_t> strides(runs.size(), 1);
  for (size_t i = runs.size(); i-- > 1;) strides[i - 1] = strides[i] * runs[i].size;
  for (size_t i = 0; i < runs.size(); ++i) {
    (runs[i].is_reduced ? p->reduced : p->kept).Push(runs[i].size, strides[i]);
  }
  return true;
}

// A launch of a walk: its dims but for the parts.
struct Geometry {
  int64_t blocks = 1;  // for all results
  dim3 block = dim3(256);
  int64_t strips = 1;  // threads that share one part's elements
};

// As many threads a result as leave each 16 elements, but no more than a block.
Geometry GroupGeometry(FoldParams* p) {
  constexpr int kThreads = 256;
  const auto wanted = static_cast<uint64_t>(std::clamp<int64_t>(CeilDiv(p->size, 16), 1, kThreads));
  p->threads = static_cast<int>(std::bit_ceil(wanted));
  return {CeilDiv(p->outputs, kThreads / p->threads), dim3(kThreads), p->threads};
}

Geometry ColumnGeometry(const FoldParams& p) {
  constexpr unsigned kThreads = 256;
  const auto strips = static_cast<unsigned>(std::bit_floor(static_cast<uint64_t>(std::clamp<int64_t>(p.size, 1, 8))));
  const dim3 block(kThreads / strips, strips);
  return {p.outputs / p.inner * CeilDiv(p.inner, block.x), block, strips};
}

// Enough blocks to fill the device, where the results alone are too few and each is long enough to be split.
void SetParts(const Geometry& geometry, int multiprocessors, FoldParams* p) {
  constexpr int64_t kMinElementsAThread = 32;
  constexpr int64_t kMaxParts = 1024;
  const int64_t wanted = CeilDiv(int64_t{4} * multiprocessors, geometry.blocks);
  const int64_t most = p->size / (geometry.strips * kMinElementsAThread);
  const int64_t parts = std::clamp<int64_t>(std::min(wanted, most), 1, kMaxParts);
  p->chunk = CeilDiv(CeilDiv(p->size, parts), 16) * 16;  // parts of rows begin at whole words
  p->parts = std::max<int64_t>(CeilDiv(p->size, std::max<int64_t>(p->chunk, 1)), 1);
}

// How a tensor is folded, and the launch for that.
struct Fold {
  FoldFunctions functions;
  FoldWalk walk = FoldWalk::kRows;
  FoldParams params;
  LaunchDims dims;

  FoldFunction function() const {
    return walk == FoldWalk::kRows      ? functions.rows
           : walk == FoldWalk::kColumns ? functions.columns
                                        : functions.strided;
  }
  // Of the accumulators of parts.
  int64_t accumulator_bytes() const {
    return params.parts == 1 ? 0 : params.outputs * params.parts * functions.accumulator_bytes;
  }
  std::string name(absl::string_view what) const { return absl::StrCat(what, params.parts == 1 ? "" : " (in parts)"); }

  // Enqueues a fold of whatever `enqueue` reads, which it leaves in what it is given: the result, or the accumulators
  // of parts, which are then combined.
  template <typename Enqueue>
  Status Run(const LaunchContext& c, void* accumulators, const Enqueue& enqueue) const {
    if (params.outputs == 0) return absl::OkStatus();
    if (params.parts == 1) return enqueue(c.output());
    MOULIN_RETURN_IF_ERROR(enqueue(accumulators));
    return Launch(c, functions.parts, DimsFor(params.outputs * kWarpThreads), accumulators, c.output(), params);
  }
};

// Nothing where the type or so many axes are not covered.
std::optional<Fold> PlanFold(const KernelRequest& request, const Shape& x, DType type,
                             const std::vector<bool>& is_reduced, FoldParams p) {
  Fold fold;
  fold.functions = FoldFunctionsFor(type, p.op);
  if (!fold.functions.rows) return std::nullopt;
  const std::vector<Run> runs = RunsOf(x, is_reduced);
  p.outputs = request.output_shape().num_elements();
  p.size = 1;
  for (int i = 0; i < x.rank(); ++i) p.size *= is_reduced[i] ? x[i] : 1;
  fold.walk = WalkOf(runs);
  if (fold.walk == FoldWalk::kStrided && !SetMaps(runs, &p)) return std::nullopt;
  if (fold.walk == FoldWalk::kColumns) p.inner = runs.back().size;
  if (p.outputs > 0) {
    const Geometry geometry = fold.walk == FoldWalk::kColumns ? ColumnGeometry(p) : GroupGeometry(&p);
    SetParts(geometry, request.context->multiprocessors, &p);
    fold.dims = {dim3(static_cast<unsigned>(geometry.blocks), static_cast<unsigned>(p.parts)), geometry.block, 0};
  }
  fold.params = p;
  return fold;
}

KernelPtr MakeFoldKernel(const Fold& fold) {
  auto enqueue = [fold](const LaunchContext& c) {
    return fold.Run(c, c.workspace,
                    [&](void* y) { return Launch(c, fold.function(), fold.dims, c.input(0), y, fold.params); });
  };
  return std::make_shared<SimpleKernel>(fold.name("cuda reduce"), std::move(enqueue), fold.accumulator_bytes());
}

// --- prologues

// The addresses of a prologue's operands: the node's inputs without the axes.
std::vector<const void*> OperandAddresses(const LaunchContext& c) {
  std::vector<const void*> addresses(c.inputs.begin(), c.inputs.end());
  addresses.erase(addresses.begin() + 1);
  return addresses;
}

// The prologue by a kernel of its own, whose result is in the workspace, behind the accumulators.
KernelPtr MakeMapThenFoldKernel(const Fold& fold, KernelPtr map, int64_t map_bytes) {
  const int64_t offset = RoundUp(fold.accumulator_bytes(), kMemoryAlignment);
  auto enqueue = [fold, map = std::move(map), offset](const LaunchContext& c) -> Status {
    void* const x = static_cast<char*>(c.workspace) + offset;
    const std::vector<const void*> operands = OperandAddresses(c);
    LaunchContext of_map = c;
    of_map.inputs = operands;
    of_map.outputs = absl::MakeConstSpan(&x, 1);
    of_map.workspace = nullptr;  // maps need none
    MOULIN_RETURN_IF_ERROR(map->Enqueue(of_map));
    return fold.Run(c, c.workspace, [&](void* y) { return Launch(c, fold.function(), fold.dims, x, y, fold.params); });
  };
  return std::make_shared<SimpleKernel>(fold.name("cuda map, then reduce"), std::move(enqueue), offset + map_bytes);
}

class GeneratedFoldKernel : public CudaKernel {
 public:
  GeneratedFoldKernel(const Fold& fold, FoldSource source, std::shared_ptr<KernelCompiler> compiler, KernelPtr fallback)
      : fold_(fold),
        inputs_(std::move(source.inputs)),
        function_(std::move(source.source), std::move(compiler)),
        fallback_(std::move(fallback)) {}

  std::string name() const override { return fold_.name("cuda map and reduce"); }
  // The fallback's too: that code does not compile or load here is found out when the plan is there.
  int64_t workspace_bytes() const override {
    return fallback_ != nullptr ? fallback_->workspace_bytes() : fold_.accumulator_bytes();
  }

  Status Enqueue(const LaunchContext& context) const override {
    const StatusOr<const void*> function = function_.Get();
    if (!function.ok()) return fallback_ != nullptr ? fallback_->Enqueue(context) : function.status();
    return fold_.Run(context, context.workspace, [&](void* y) { return LaunchFold(context, *function, y); });
  }

 private:
  Status LaunchFold(const LaunchContext& context, const void* function, void* y) const {
    const std::vector<const void*> operands = OperandAddresses(context);
    std::vector<const void*> addresses;
    for (const int input : inputs_) addresses.push_back(operands[input]);
    addresses.push_back(y);
    FoldParams params = fold_.params;
    std::vector<void*> args;
    for (const void*& address : addresses) args.push_back(&address);
    args.push_back(&params);
    return LaunchUntyped(context, function_.name().c_str(), function, fold_.dims, args.data());
  }

  const Fold fold_;
  const std::vector<int> inputs_;
  const GeneratedFunction function_;
  const KernelPtr fallback_;  // may be null
};

StatusOr<KernelPtr> MakePrologueKernel(const KernelRequest& request, const Fold& fold, const TensorType& x) {
  const ReduceAttrs& attrs = request.node.attr<ReduceAttrs>();
  std::vector<TensorType> types;
  std::vector<Shape> shapes;
  for (int i = 0; i < request.num_inputs(); ++i) {
    if (i == 1) continue;  // the axes
    types.push_back({request.dtype(i), request.shape(i)});
    shapes.push_back(request.shape(i));
  }
  // Interpreted: code that is generated is that of the whole.
  const auto without_compiler = std::make_shared<CudaContext>(*request.context);
  without_compiler->compiler = nullptr;
  MOULIN_ASSIGN_OR_RETURN(KernelPtr map, MakeExprKernel(without_compiler, attrs.prologue, types, x));
  const Shape shape = x.shape.ToShape();
  const int64_t bytes = shape.num_elements() * static_cast<int64_t>(SizeOf(x.dtype));
  KernelPtr apart = map == nullptr ? nullptr : MakeMapThenFoldKernel(fold, std::move(map), bytes);
  const std::shared_ptr<KernelCompiler>& compiler = request.context->compiler;
  if (compiler == nullptr || shape.num_elements() == 0) return apart;
  const FoldProblem problem = {{attrs.prologue, shapes, shape}, fold.walk, fold.params.size, fold.params.op};
  std::optional<FoldSource> source = MakeFoldSource(problem);
  if (!source) return KernelPtr();
  if (!request.context->plan_only) compiler->Prefetch(source->source);
  return std::make_shared<GeneratedFoldKernel>(fold, *std::move(source), compiler, std::move(apart));
}

// The type of what is reduced.
StatusOr<TensorType> ReducedType(const KernelRequest& request) {
  const Expr& prologue = request.node.attr<ReduceAttrs>().prologue;
  if (prologue.empty()) return TensorType{request.dtype(0), request.shape(0)};
  PartialShape shape(request.shape(0));
  for (int i = 2; i < request.num_inputs(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(shape, BroadcastPartial(shape, request.shape(i)));
  }
  return TensorType{prologue.result_type(), shape};
}

FoldOp FoldOpOf(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
    case ReduceOp::kMean:
      return FoldOp::kSum;
    case ReduceOp::kProd:
      return FoldOp::kProd;
    case ReduceOp::kMax:
    case ReduceOp::kAny:
      return FoldOp::kMax;
    default:
      return FoldOp::kMin;
  }
}

}  // namespace

StatusOr<KernelPtr> MakeReduceKernel(const KernelRequest& request) {
  const ReduceAttrs& attrs = request.node.attr<ReduceAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const TensorType type, ReducedType(request));
  const Shape x = type.shape.ToShape();
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int> axes, NormalizeAxes(request.ints(1), x.rank()));
  std::vector<bool> is_reduced(x.rank());
  for (const int axis : axes) is_reduced[axis] = true;
  FoldParams p;
  p.op = FoldOpOf(attrs.op);
  p.is_mean = attrs.op == ReduceOp::kMean;
  p.is_truth = type.dtype == DType::kBool;
  p.divisor = 1;
  for (const int axis : axes) p.divisor *= x[axis];
  const std::optional<Fold> fold = PlanFold(request, x, type.dtype, is_reduced, p);
  if (!fold) return KernelPtr();
  return attrs.prologue.empty() ? MakeFoldKernel(*fold) : MakePrologueKernel(request, *fold, type);
}

StatusOr<KernelPtr> MakeArgReduceKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<ArgReduceAttrs>();
  const Shape x = request.shape(0);
  const std::vector<int64_t> axis = request.ints(1);
  if (axis.size() != 1) return KernelPtr();
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis[0], x.rank()));
  std::vector<bool> is_reduced(x.rank());
  is_reduced[a] = true;
  FoldParams p;
  p.op = attrs.is_max ? FoldOp::kArgMax : FoldOp::kArgMin;
  p.index_bytes = static_cast<int>(SizeOf(attrs.index_type));
  const std::optional<Fold> fold = PlanFold(request, x, request.dtype(0), is_reduced, p);
  return fold ? MakeFoldKernel(*fold) : KernelPtr();
}

}  // namespace moulin::cuda
