// Map: compiled to tile loops where they cover the expression, else the reference evaluator, its range shared out.
#include <memory>
#include <utility>

#include "base/errors.h"
#include "device/host/cpu/kernel_factory.h"
#include "device/host/cpu/map_program.h"
#include "ops/map_eval.h"

namespace moulin::cpu {
namespace {

// Whether the output may lie on input i: as many elements of the same size, so that each element is read just before
// its place is written.
std::vector<bool> InPlaceInputs(const KernelRequest& request) {
  std::vector<bool> in_place(request.num_inputs());
  const Shape output = request.output_shape();
  for (int i = 0; i < request.num_inputs(); ++i) {
    in_place[i] = SizeOf(request.dtype(i)) == SizeOf(request.output_dtype()) &&
                  request.shape(i).num_elements() == output.num_elements();
  }
  return in_place;
}

class TileMapKernel : public HostKernel {
 public:
  TileMapKernel(MapProgram program, std::vector<bool> in_place, std::shared_ptr<CpuContext> context)
      : program_(std::move(program)), in_place_(std::move(in_place)), context_(std::move(context)) {}
  std::string name() const override { return "cpu map"; }
  bool can_run_in_place(int i) const override { return i < static_cast<int>(in_place_.size()) && in_place_[i]; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    absl::InlinedVector<const void*, 8> addresses;
    for (const Tensor& input : inputs) addresses.push_back(input.data());
    program_.Run(addresses, outputs[0].mutable_data(), context_->pool);
    return absl::OkStatus();
  }

 private:
  MapProgram program_;
  std::vector<bool> in_place_;
  std::shared_ptr<CpuContext> context_;
};

class EvaluatedMapKernel : public HostKernel {
 public:
  EvaluatedMapKernel(Expr expr, std::shared_ptr<CpuContext> context)
      : expr_(std::move(expr)), context_(std::move(context)) {}
  std::string name() const override { return "cpu map (evaluated)"; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    const int64_t n = outputs[0].num_elements();
    const int parts = context_->pool.Parts(n, kGrain);
    std::vector<Status> results(parts);  // the first error in order of elements is reported, whichever came first
    context_->pool.ParallelFor(parts, 1, [&](int64_t first, int64_t last) {
      for (int64_t p = first; p < last; ++p) {
        Tensor out = outputs[0];
        results[p] = EvaluateExprRange(expr_, inputs, n * p / parts, n * (p + 1) / parts, &out);
      }
    });
    for (Status& status : results) {
      if (!status.ok()) return std::move(status);
    }
    return absl::OkStatus();
  }

 private:
  static constexpr int64_t kGrain = 512;
  Expr expr_;
  std::shared_ptr<CpuContext> context_;
};

}  // namespace

StatusOr<KernelPtr> MakeMapKernel(const KernelRequest& request) {
  const Expr& expr = request.node.attr<MapAttrs>().expr;
  std::vector<Shape> shapes;
  for (int i = 0; i < request.num_inputs(); ++i) shapes.push_back(request.shape(i));
  auto program = MapProgram::Compile(expr, shapes, request.output_shape(), request.context->tiles);
  if (program.has_value()) {
    return std::make_shared<TileMapKernel>(*std::move(program), InPlaceInputs(request), request.context);
  }
  return std::make_shared<EvaluatedMapKernel>(expr, request.context);
}

}  // namespace moulin::cpu
