// A kernel made of oneDNN primitives, with the epilogue of a product or convolution.
#ifndef MOULIN_DEVICE_HOST_CPU_DNNL_KERNEL_H_
#define MOULIN_DEVICE_HOST_CPU_DNNL_KERNEL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "device/host/cpu/dnnl_primitive.h"
#include "device/host/cpu/epilogue.h"
#include "device/host/cpu/kernel_factory.h"
#include "device/host/cpu/map_program.h"

namespace moulin::cpu {

// Where an argument's elements lie when the kernel runs.
struct ArgumentSource {
  enum class Where { kInput, kOutput, kConstant, kWorkspace } where;
  int index = 0;       // kInput, kOutput
  int64_t offset = 0;  // kWorkspace: bytes
  std::shared_ptr<const PackedConstant> constant;

  static ArgumentSource Input(int i) { return {Where::kInput, i, 0, nullptr}; }
  static ArgumentSource Output(int i = 0) { return {Where::kOutput, i, 0, nullptr}; }
  static ArgumentSource Constant(std::shared_ptr<const PackedConstant> c) {
    return {Where::kConstant, 0, 0, std::move(c)};
  }
  static ArgumentSource Workspace(int64_t offset) { return {Where::kWorkspace, 0, offset, nullptr}; }
};

// What remains to be computed of an epilogue behind the primitives: a program whose input 0 is the product.
struct EpilogueTape {
  MapProgram program;
  ArgumentSource product;
  int first_input;  // the node's input that the expression's input 1 is
};

// Runs its steps in order, in the device's arena. Built by DnnlKernelBuilder.
class DnnlKernel : public HostKernel {
 public:
  std::string name() const override { return name_; }
  int64_t workspace_bytes() const override { return workspace_bytes_; }
  bool can_run_in_place(int i) const override { return i == summed_input_; }
  std::shared_ptr<const TensorCopy> copy_of(int i) const override;
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void* workspace) const override;

 private:
  friend class DnnlKernelBuilder;
  void CopySummedInput(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs) const;

  struct Step {
    std::unique_ptr<DnnlPrimitive> primitive;
    std::vector<ArgumentSource> sources;
  };
  std::string name_;
  int64_t workspace_bytes_ = 0;
  std::vector<Step> steps_;
  std::optional<EpilogueTape> tape_;
  int summed_input_ = -1;  // what the product is added to, and is best already in the output's memory
  absl::flat_hash_map<int, std::shared_ptr<const PackedConstant>> packed_;  // by input
  std::shared_ptr<CpuContext> context_;
};

// Collects a kernel's primitives and lays out its workspace. All calls must come from inside the device's arena.
class DnnlKernelBuilder {
 public:
  struct Argument {
    int name;
    dnnl::memory::desc desc;
    ArgumentSource source;
  };

  explicit DnnlKernelBuilder(std::shared_ptr<CpuContext> context);

  // Bytes of workspace of its own, aligned; where they start.
  int64_t Reserve(int64_t bytes);
  // Appends a primitive; `scratchpad` may be empty.
  void AddStep(dnnl::primitive primitive, std::vector<Argument> arguments, const dnnl::memory::desc& scratchpad);
  // The elements of input i, laid out as `from`, in layout `to`: packed now where it is a constant, else reordered in
  // the workspace at each run.
  StatusOr<ArgumentSource> InLayout(const KernelRequest& request, int i, const dnnl::memory::desc& from,
                                    const dnnl::memory::desc& to);
  void SetTape(EpilogueTape tape) { kernel_->tape_ = std::move(tape); }
  // The primitives expect the elements of input i in the output; -1: of none.
  void SetSummedInput(int i) { kernel_->summed_input_ = i; }
  KernelPtr Finish(const std::string& implementation);

 private:
  std::shared_ptr<DnnlKernel> kernel_;
};

// An epilogue on its way into a primitive.
class FusedEpilogue {
 public:
  struct Layout {
    Shape product;                    // the node's output
    int channel_axis;                 // of `product`
    dnnl::memory::desc product_desc;  // as oneDNN has it, perhaps with fewer axes
    int dnnl_channel_axis;            // of `product_desc`
    // Axis i of product_desc is axis to_dnnl[i] of `product`; empty where axes have been joined.
    std::vector<int> to_dnnl;
    int first_input;  // the node's input that the expression's input 1 is
  };
  // The whole of `epilogue` as bias and post-ops; nothing where oneDNN has no equivalent.
  static std::optional<FusedEpilogue> Translate(const KernelRequest& request, const Expr& epilogue,
                                                const Layout& layout);

  // The node's input that is the bias, or -1.
  int bias_input() const { return bias_input_; }
  // The node's input that is added as a sum with what the output holds, or -1.
  int summed_input() const {
    const bool sums = !post_ops_.empty() && post_ops_[0].kind == PostOp::Kind::kSum;
    return sums ? first_input_ + post_ops_[0].input - 1 : -1;
  }
  void AddTo(dnnl::primitive_attr& attributes) const;
  // The post-ops' operands, as arguments of the primitive.
  void AppendArguments(std::vector<DnnlKernelBuilder::Argument>* arguments) const;

 private:
  int bias_input_ = -1;
  std::vector<PostOp> post_ops_;
  std::vector<dnnl::memory::desc> operand_descs_;  // one a post-op; empty but for kBinary
  int first_input_ = 2;
};

// The epilogue as a tape over the product, which lies in the output where it has the output's element size; else in
// the workspace. Nothing where the loops do not cover the expression.
std::optional<EpilogueTape> MakeEpilogueTape(const KernelRequest& request, const Expr& epilogue, int first_input,
                                             DnnlKernelBuilder* builder);

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_DNNL_KERNEL_H_
