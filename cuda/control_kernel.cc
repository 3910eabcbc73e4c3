// Case is a SWITCH node, While a WHILE node. Outside of a capture (a plan runs once before it is recorded) each graph
// within runs once, so that what is loaded or chosen at first use is.
//
// A loop's variables live in the results of its node, where its operands are copied to. The condition is computed in
// front of the node and at the end of each iteration; the body writes the new values apart, for it may read any old one
// until it is done, and then they are copied over the old ones. In the workspace, one after another: what the two
// graphs need while they run, never both at once; the condition; the new values.
// Tested by tests/cuda/device/control_test.cc.
#include "cuda/control_kernel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/math.h"
#include "base/status_macros.h"
#include "cuda/conditional_node.h"
#include "cuda/memory.h"
#include "cuda/region.h"
#include "ops/control.h"
#include "plan/views.h"

namespace moulin::cuda {
namespace {

using RegionPtr = std::unique_ptr<const Region>;

constexpr LaunchDims kOneThread = {dim3(1), dim3(1), 0};

Status Copy(const LaunchContext& c, void* to, const void* from, int64_t bytes) {
  if (bytes == 0) return absl::OkStatus();
  return ToStatus(*c.api, c.api->MemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, c.stream),
                  "enqueuing a copy");
}

LaunchContext On(const LaunchContext& context, cudaStream_t stream) {
  LaunchContext other = context;
  other.stream = stream;
  return other;
}

class CaseKernel : public CudaKernel {
 public:
  explicit CaseKernel(std::vector<RegionPtr> branches) : branches_(std::move(branches)) {}

  std::string name() const override { return "cuda switch"; }
  int64_t workspace_bytes() const override {
    int64_t bytes = 0;
    for (const RegionPtr& branch : branches_) bytes = std::max(bytes, branch->plan().device_arena_bytes);
    return bytes;
  }
  std::vector<const Plan*> regions() const override {
    std::vector<const Plan*> plans;
    for (const RegionPtr& branch : branches_) plans.push_back(&branch->plan());
    return plans;
  }

  Status Enqueue(const LaunchContext& c) const override {
    MOULIN_ASSIGN_OR_RETURN(const Conditional conditional, NewConditional(*c.api, c.stream));
    MOULIN_RETURN_IF_ERROR(Launch(c, SetBranchFunction(), kOneThread, c.input<int32_t>(0),
                                  static_cast<int32_t>(branches_.size()), conditional));
    LaunchContext within = c;
    within.inputs = c.inputs.subspan(1);
    std::vector<EnqueueBody> bodies;
    for (const RegionPtr& branch : branches_) {
      bodies.push_back([&, region = branch.get()](cudaStream_t stream) { return region->Enqueue(On(within, stream)); });
    }
    if (conditional.is_in_graph) {
      return AddConditionalNode(*c.api, c.stream, conditional, cudaGraphCondTypeSwitch, bodies);
    }
    for (const EnqueueBody& body : bodies) MOULIN_RETURN_IF_ERROR(body(c.stream));
    return absl::OkStatus();
  }

 private:
  const std::vector<RegionPtr> branches_;
};

class WhileKernel : public CudaKernel {
 public:
  // `variable_bytes` of each variable; `changed`: those that are the outputs of `body`, in this order.
  WhileKernel(RegionPtr condition, RegionPtr body, std::vector<int64_t> variable_bytes, std::vector<int> changed)
      : condition_(std::move(condition)),
        body_(std::move(body)),
        variable_bytes_(std::move(variable_bytes)),
        changed_(std::move(changed)) {
    again_offset_ =
        RoundUp(std::max(condition_->plan().device_arena_bytes, body_->plan().device_arena_bytes), kMemoryAlignment);
    workspace_bytes_ = again_offset_ + kMemoryAlignment;
    for (const int v : changed_) {
      next_offsets_.push_back(workspace_bytes_);
      workspace_bytes_ += RoundUp(variable_bytes_[v], kMemoryAlignment);
    }
  }

  std::string name() const override { return "cuda while"; }
  int64_t workspace_bytes() const override { return workspace_bytes_; }
  std::vector<const Plan*> regions() const override { return {&condition_->plan(), &body_->plan()}; }

  Status Enqueue(const LaunchContext& c) const override {
    for (size_t v = 0; v < variable_bytes_.size(); ++v) {
      MOULIN_RETURN_IF_ERROR(Copy(c, c.outputs[v], c.inputs[v], variable_bytes_[v]));
    }
    MOULIN_ASSIGN_OR_RETURN(const Conditional conditional, NewConditional(*c.api, c.stream));
    const EnqueueBody iterate = [&](cudaStream_t stream) { return EnqueueIteration(On(c, stream), conditional); };
    MOULIN_RETURN_IF_ERROR(EnqueueCondition(c, conditional));
    if (!conditional.is_in_graph) return iterate(c.stream);
    return AddConditionalNode(*c.api, c.stream, conditional, cudaGraphCondTypeWhile, {iterate});
  }

 private:
  void* InWorkspace(const LaunchContext& c, int64_t offset) const { return static_cast<char*>(c.workspace) + offset; }

  // Enqueues one of the graphs, which reads the variables.
  Status EnqueueRegion(const Region& region, LaunchContext c, absl::Span<void* const> results) const {
    const std::vector<const void*> variables(c.outputs.begin(), c.outputs.end());
    c.inputs = variables;
    c.outputs = results;
    return region.Enqueue(c);
  }

  Status EnqueueCondition(const LaunchContext& c, const Conditional& conditional) const {
    void* const again = InWorkspace(c, again_offset_);
    MOULIN_RETURN_IF_ERROR(EnqueueRegion(*condition_, c, {again}));
    return Launch(c, SetLoopFunction(), kOneThread, static_cast<const uint8_t*>(again), c.stop, conditional);
  }

  Status EnqueueIteration(const LaunchContext& c, const Conditional& conditional) const {
    std::vector<void*> next;
    for (const int64_t offset : next_offsets_) next.push_back(InWorkspace(c, offset));
    MOULIN_RETURN_IF_ERROR(EnqueueRegion(*body_, c, next));
    for (size_t i = 0; i < changed_.size(); ++i) {
      MOULIN_RETURN_IF_ERROR(Copy(c, c.outputs[changed_[i]], next[i], variable_bytes_[changed_[i]]));
    }
    return EnqueueCondition(c, conditional);
  }

  const RegionPtr condition_, body_;
  const std::vector<int64_t> variable_bytes_;
  const std::vector<int> changed_;
  int64_t again_offset_ = 0;
  std::vector<int64_t> next_offsets_;  // of the new values of `changed_`
  int64_t workspace_bytes_ = 0;
};

// Whether `region` takes, or gives, values of the types that these of `graph` have.
bool Takes(const Graph& region, const Graph& graph, absl::Span<const ValueId> values) {
  const auto is_of_type = [&](ValueId a, ValueId b) { return region.value(a).type == graph.value(b).type; };
  return std::equal(region.inputs().begin(), region.inputs().end(), values.begin(), values.end(), is_of_type);
}
bool Gives(const Graph& region, const Graph& graph, absl::Span<const ValueId> values) {
  const auto is_of_type = [&](const GraphOutput& a, ValueId b) {
    return region.value(a.value).type == graph.value(b).type;
  };
  return std::equal(region.outputs().begin(), region.outputs().end(), values.begin(), values.end(), is_of_type);
}

StatusOr<KernelPtr> MakeCase(const KernelRequest& request, KernelSource& kernels) {
  const auto operands = absl::MakeConstSpan(request.node.inputs).subspan(1);
  std::vector<RegionPtr> regions;
  for (const auto& branch : request.node.attr<CaseAttrs>().branches) {
    if (!Takes(*branch, request.graph, operands) || !Gives(*branch, request.graph, request.node.outputs)) {
      return KernelPtr();
    }
    regions.push_back(Region::Make(branch, kernels, *request.context));
    if (regions.back() == nullptr) return KernelPtr();
  }
  return std::make_shared<CaseKernel>(std::move(regions));
}

StatusOr<KernelPtr> MakeWhile(const KernelRequest& request, KernelSource& kernels) {
  const WhileAttrs& loop = request.node.attr<WhileAttrs>();
  const auto& variables = request.node.inputs;
  if (!Takes(*loop.condition, request.graph, variables) || !Takes(*loop.body, request.graph, variables) ||
      !Gives(*loop.body, request.graph, variables) || !Gives(*loop.body, request.graph, request.node.outputs)) {
    return KernelPtr();
  }
  auto body = std::make_shared<Graph>(*loop.body);
  const std::vector<int> changed = KeepChangedVariables(body.get());
  RegionPtr condition_region = Region::Make(loop.condition, kernels, *request.context);
  RegionPtr body_region = Region::Make(std::move(body), kernels, *request.context);
  if (condition_region == nullptr || body_region == nullptr) return KernelPtr();
  std::vector<int64_t> bytes;
  for (const ValueId v : variables) bytes.push_back(ValueBytes(request.graph, v));
  return std::make_shared<WhileKernel>(std::move(condition_region), std::move(body_region), std::move(bytes), changed);
}

}  // namespace

StatusOr<KernelPtr> MakeControlKernel(const KernelRequest& request, KernelSource& kernels) {
  return request.node.kind == OpKind::kCase ? MakeCase(request, kernels) : MakeWhile(request, kernels);
}

}  // namespace moulin::cuda
