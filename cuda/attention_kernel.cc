// Attention: by a library for the types and layouts that it takes, else by an own kernel.
// Covered by tests/cuda/kernels/attention_test.cc and tests/cuda/libraries/library_path_test.cc.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "cuda/kernels/attention.h"
#include "cuda/libraries/primitive_library.h"
#include "cuda/tuning/tuner.h"
#include "ops/axes.h"

namespace moulin::cuda {
namespace {

// An operand as matrices [rows, columns] that broadcast to the batch.
AttentionOperand OperandOf(const Shape& shape, const Shape& batch, int64_t rows, int64_t columns, bool transposed) {
  const Shape full = ConcatShapes(batch, transposed ? Shape({columns, rows}) : Shape({rows, columns}));
  const Shape::Dims strides = BroadcastStrides(shape, full);
  AttentionOperand operand;
  const int rank = full.rank();
  operand.row = strides[rank - (transposed ? 1 : 2)];
  operand.column = strides[rank - (transposed ? 2 : 1)];
  std::copy(strides.begin(), strides.end() - 2, operand.batch);
  return operand;
}

class AttentionMaker {
 public:
  explicit AttentionMaker(const KernelRequest& request)
      : request_(request),
        attrs_(request.node.attr<AttentionAttrs>()),
        type_(request.dtype(0)),
        y_(request.output_shape()),
        batch_(SubShape(y_, 0, y_.rank() - 2)) {}

  StatusOr<KernelPtr> Make() {
    if (batch_.rank() > kMaxAttentionBatchAxes || !AttentionFunction(type_)) return KernelPtr();
    Describe();
    std::vector<TuningCandidate> candidates = LibraryCandidates();
    candidates.push_back({AttentionFunction(type_).name, [this] { return MakeOwn(); }});
    return ChooseKernel(*request_.context, TuningProblemFor(request_, Key()), std::move(candidates));
  }

 private:
  void Describe() {
    const Shape q = request_.shape(0), v = request_.shape(2);
    params_.m = y_[y_.rank() - 2];
    params_.e = y_[y_.rank() - 1];
    params_.n = v[v.rank() - 2];
    params_.d = q[q.rank() - 1];
    params_.scale = attrs_.scale;
    params_.batch = batch_.num_elements();
    params_.batch_axes = batch_.rank();
    std::copy(batch_.dims().begin(), batch_.dims().end(), params_.sizes);
    params_.q = OperandOf(q, batch_, params_.m, params_.d, false);
    params_.k = OperandOf(request_.shape(1), batch_, params_.n, params_.d, !attrs_.transpose_k);
    params_.v = OperandOf(v, batch_, params_.n, params_.e, false);
    if (HasMask()) params_.mask = OperandOf(request_.shape(3), batch_, params_.m, params_.n, false);
  }

  bool HasMask() const { return request_.num_inputs() > 3; }

  std::string Key() const {
    std::string key = absl::StrCat(attrs_.transpose_k ? "" : "kt ", "scale ", attrs_.scale, " ", Name(type_));
    for (int i = 0; i < request_.num_inputs(); ++i) absl::StrAppend(&key, " ", request_.shape(i).ToString());
    return key;
  }

  StatusOr<KernelPtr> MakeOwn() const {
    const LaunchDims dims = DimsFor(AttentionBlocks(params_) * kAttentionThreads, kAttentionThreads);
    return std::make_shared<SimpleKernel>(
        AttentionFunction(type_).name,
        [params = params_, type = type_, dims, has_mask = HasMask()](const LaunchContext& context) {
          return Launch(context, AttentionFunction(type), dims, context.input(0), context.input(1), context.input(2),
                        has_mask ? context.input(3) : nullptr, context.output(), params);
        });
  }

  // The problem in a library's terms, where it is one: all operands have the whole batch, as [batch, heads].
  bool ToProblem(AttentionProblem* problem) const {
    const auto is_whole = [&](int input) {
      const Shape shape = request_.shape(input);
      return shape.rank() == y_.rank() && SubShape(shape, 0, shape.rank() - 2) == batch_;
    };
    const Shape q = request_.shape(0);
    if (!attrs_.transpose_k || !is_whole(0) || !is_whole(1) || !is_whole(2) || q[q.rank() - 2] != params_.m) {
      return false;
    }
    if (y_.num_elements() == 0 || params_.n == 0 || params_.d == 0) return false;
    problem->type = type_;
    problem->heads = batch_.rank() == 0 ? 1 : batch_[batch_.rank() - 1];
    problem->batch = params_.batch / problem->heads;
    problem->m = params_.m;
    problem->n = params_.n;
    problem->d = params_.d;
    problem->e = params_.e;
    problem->scale = params_.scale;
    problem->has_mask = HasMask();
    if (!HasMask()) return true;
    // [batch, heads, m, n], each 1 or whole: axes before the heads must be one.
    if (batch_.rank() > 2 || request_.shape(3).rank() > 4) return false;
    Shape mask = request_.shape(3);
    if (batch_.rank() < 2 && mask.rank() > batch_.rank() + 2) return false;
    while (mask.rank() < 4) mask = ConcatShapes(Shape({1}), mask);
    problem->mask = mask;
    return true;
  }

  std::vector<TuningCandidate> LibraryCandidates() const {
    std::vector<TuningCandidate> candidates;
    AttentionProblem problem;
    if (!ToProblem(&problem)) return candidates;
    for (const std::shared_ptr<PrimitiveLibrary>& library : request_.context->libraries) {
      for (const std::shared_ptr<const LibraryPlan>& plan : library->Attention(problem)) {
        candidates.push_back({plan->name(), [plan, has_mask = HasMask()]() -> StatusOr<KernelPtr> {
                                MOULIN_RETURN_IF_ERROR(plan->Prepare());
                                return std::make_shared<SimpleKernel>(
                                    plan->name(),
                                    [plan, has_mask](const LaunchContext& context) {
                                      LibraryOperands operands;
                                      operands.x = context.input(0);
                                      operands.w = context.input(1);
                                      operands.v = context.input(2);
                                      operands.mask = has_mask ? context.input(3) : nullptr;
                                      operands.y = context.output();
                                      return plan->Enqueue(context.stream, operands, context.workspace);
                                    },
                                    plan->workspace_bytes());
                              }});
      }
    }
    return candidates;
  }

  const KernelRequest& request_;
  const AttentionAttrs& attrs_;
  const DType type_;
  const Shape y_, batch_;
  AttentionParams params_;
};

}  // namespace

StatusOr<KernelPtr> MakeAttentionKernel(const KernelRequest& request) { return AttentionMaker(request).Make(); }

}  // namespace moulin::cuda
