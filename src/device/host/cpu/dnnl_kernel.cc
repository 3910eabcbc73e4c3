#include "device/host/cpu/dnnl_kernel.h"

#include <cstring>
#include <utility>

#include "base/status_macros.h"

namespace moulin::cpu {
namespace {

constexpr int64_t kCopyGrainBytes = 64 << 10;  // about what a thread copies while another one wakes up

void* AddressOf(const ArgumentSource& source, absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs,
                void* workspace) {
  switch (source.where) {
    case ArgumentSource::Where::kInput:
      return const_cast<void*>(inputs[source.index].data());
    case ArgumentSource::Where::kOutput:
      return outputs[source.index].mutable_data();
    case ArgumentSource::Where::kConstant:
      return source.constant->data();
    case ArgumentSource::Where::kWorkspace:
      return static_cast<char*>(workspace) + source.offset;
  }
  return nullptr;
}

// The descriptor of an operand that broadcasts to the product in any way, its axes in oneDNN's order.
dnnl::memory::desc BroadcastDesc(const Shape& operand, const FusedEpilogue::Layout& layout) {
  const int rank = layout.product.rank();
  const int skipped = rank - operand.rank();
  dnnl::memory::dims dims(rank, 1), strides(rank, 1);
  int64_t stride = 1;
  for (int i = operand.rank() - 1; i >= 0; --i) {
    dims[i + skipped] = operand[i];
    strides[i + skipped] = stride;
    stride *= operand[i];
  }
  for (int i = skipped - 1; i >= 0; --i) strides[i] = stride;
  dnnl::memory::dims dnnl_dims(rank), dnnl_strides(rank);
  for (int i = 0; i < rank; ++i) {
    dnnl_dims[i] = dims[layout.to_dnnl[i]];
    dnnl_strides[i] = strides[layout.to_dnnl[i]];
  }
  return Strided(dnnl_dims, dnnl_strides);
}

std::optional<dnnl::memory::desc> OperandDesc(const Shape& operand, Spread spread,
                                              const FusedEpilogue::Layout& layout) {
  dnnl::memory::dims dims(layout.product_desc.get_ndims(), 1);
  switch (spread) {
    case Spread::kFull:
      return layout.product_desc;
    case Spread::kScalar:
      return RowMajor(dims);
    case Spread::kChannel:
      dims[layout.dnnl_channel_axis] = layout.product[layout.channel_axis];
      return RowMajor(dims);
    case Spread::kOther:
      break;
  }
  if (layout.to_dnnl.empty()) return std::nullopt;
  return BroadcastDesc(operand, layout);
}

}  // namespace

void DnnlKernel::CopySummedInput(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs) const {
  const char* from = static_cast<const char*>(inputs[summed_input_].data());
  char* to = static_cast<char*>(outputs[0].mutable_data());
  if (from == to) return;
  context_->pool.ParallelFor(outputs[0].byte_size(), kCopyGrainBytes, [&](int64_t begin, int64_t end) {
    std::memcpy(to + begin, from + begin, end - begin);
  });
}

Status DnnlKernel::Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void* workspace) const {
  if (summed_input_ >= 0) CopySummedInput(inputs, outputs);
  const Status status = context_->pool.Run([&]() -> Status {
    absl::InlinedVector<void*, 8> addresses;
    for (const Step& step : steps_) {
      addresses.clear();
      for (const ArgumentSource& source : step.sources) {
        addresses.push_back(AddressOf(source, inputs, outputs, workspace));
      }
      MOULIN_RETURN_IF_ERROR(step.primitive->Run(addresses));
    }
    return absl::OkStatus();
  });
  if (!status.ok() || !tape_.has_value()) return status;
  absl::InlinedVector<const void*, 8> addresses = {AddressOf(tape_->product, inputs, outputs, workspace)};
  for (size_t i = tape_->first_input; i < inputs.size(); ++i) addresses.push_back(inputs[i].data());
  tape_->program.Run(addresses, outputs[0].mutable_data(), context_->pool);
  return absl::OkStatus();
}

std::shared_ptr<const TensorCopy> DnnlKernel::copy_of(int i) const {
  const auto found = packed_.find(i);
  if (found == packed_.end() || !found->second->is_restorable || (tape_.has_value() && i >= tape_->first_input)) {
    return nullptr;
  }
  for (const Step& step : steps_) {
    for (const ArgumentSource& source : step.sources) {
      if (source.where == ArgumentSource::Where::kInput && source.index == i) return nullptr;
    }
  }
  return found->second;
}

DnnlKernelBuilder::DnnlKernelBuilder(std::shared_ptr<CpuContext> context) : kernel_(std::make_shared<DnnlKernel>()) {
  kernel_->context_ = std::move(context);
}

int64_t DnnlKernelBuilder::Reserve(int64_t bytes) {
  const int64_t offset = kernel_->workspace_bytes_;
  kernel_->workspace_bytes_ += (bytes + 63) / 64 * 64;
  return offset;
}

void DnnlKernelBuilder::AddStep(dnnl::primitive primitive, std::vector<Argument> arguments,
                                const dnnl::memory::desc& scratchpad) {
  if (scratchpad.get_size() > 0) {
    const int64_t offset = Reserve(static_cast<int64_t>(scratchpad.get_size()));
    arguments.push_back({DNNL_ARG_SCRATCHPAD, scratchpad, ArgumentSource::Workspace(offset)});
  }
  DnnlKernel::Step step;
  std::vector<DnnlPrimitive::Argument> described;
  for (Argument& argument : arguments) {
    described.push_back({argument.name, argument.desc});
    step.sources.push_back(std::move(argument.source));
  }
  step.primitive = std::make_unique<DnnlPrimitive>(std::move(primitive), std::move(described));
  kernel_->steps_.push_back(std::move(step));
}

StatusOr<ArgumentSource> DnnlKernelBuilder::InLayout(const KernelRequest& request, int i,
                                                     const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
  if (const Tensor* constant = request.constant(i)) {
    MOULIN_ASSIGN_OR_RETURN(auto packed, kernel_->context_->constants.Get(*constant, from, to));
    kernel_->packed_[i] = packed;
    return ArgumentSource::Constant(std::move(packed));
  }
  if (from == to) return ArgumentSource::Input(i);
  const ArgumentSource packed = ArgumentSource::Workspace(Reserve(static_cast<int64_t>(to.get_size())));
  const dnnl::reorder::primitive_desc reorder(DnnlEngine(), from, DnnlEngine(), to, BaseAttributes());
  AddStep(dnnl::reorder(reorder), {{DNNL_ARG_FROM, from, ArgumentSource::Input(i)}, {DNNL_ARG_TO, to, packed}},
          reorder.scratchpad_desc());
  return packed;
}

KernelPtr DnnlKernelBuilder::Finish(const std::string& implementation) {
  kernel_->name_ = DnnlKernelName(implementation);
  if (kernel_->tape_.has_value()) kernel_->name_ += " + map";
  return std::move(kernel_);
}

std::optional<FusedEpilogue> FusedEpilogue::Translate(const KernelRequest& request, const Expr& epilogue,
                                                      const Layout& layout) {
  FusedEpilogue fused;
  fused.first_input_ = layout.first_input;
  if (epilogue.empty()) return fused;
  std::optional<std::vector<PostOp>> post_ops = ToPostOps(epilogue);
  if (!post_ops.has_value()) return std::nullopt;
  for (size_t i = 0; i < post_ops->size(); ++i) {
    const PostOp& op = (*post_ops)[i];
    if (op.kind == PostOp::Kind::kEltwise) {
      fused.post_ops_.push_back(op);
      fused.operand_descs_.emplace_back();
      continue;
    }
    const int input = layout.first_input + op.input - 1;
    const Shape shape = request.shape(input);
    if (request.dtype(input) != DType::kFloat32) return std::nullopt;
    const Spread spread = SpreadOf(shape, layout.product, layout.channel_axis);
    if (i == 0 && op.algorithm == dnnl::algorithm::binary_add && spread == Spread::kChannel) {
      fused.bias_input_ = input;
      continue;
    }
    // Of residual networks: the sum takes no memory beside that of its operand, if nothing else needs that.
    if (fused.post_ops_.empty() && op.algorithm == dnnl::algorithm::binary_add && spread == Spread::kFull &&
        request.constant(input) == nullptr) {
      fused.post_ops_.push_back({PostOp::Kind::kSum, op.algorithm, 0, 0, op.input});
      fused.operand_descs_.emplace_back();
      continue;
    }
    fused.post_ops_.push_back(op);
    std::optional<dnnl::memory::desc> desc = OperandDesc(shape, spread, layout);
    if (!desc.has_value()) return std::nullopt;
    fused.operand_descs_.push_back(*std::move(desc));
  }
  return fused;
}

void FusedEpilogue::AddTo(dnnl::primitive_attr& attributes) const {
  dnnl::post_ops ops;
  for (size_t i = 0; i < post_ops_.size(); ++i) {
    switch (post_ops_[i].kind) {
      case PostOp::Kind::kEltwise:
        ops.append_eltwise(post_ops_[i].algorithm, post_ops_[i].alpha, post_ops_[i].beta);
        break;
      case PostOp::Kind::kBinary:
        ops.append_binary(post_ops_[i].algorithm, operand_descs_[i]);
        break;
      case PostOp::Kind::kSum:
        ops.append_sum(1);
        break;
    }
  }
  attributes.set_post_ops(ops);
}

void FusedEpilogue::AppendArguments(std::vector<DnnlKernelBuilder::Argument>* arguments) const {
  for (int i = 0; i < static_cast<int>(post_ops_.size()); ++i) {
    if (post_ops_[i].kind != PostOp::Kind::kBinary) continue;
    arguments->push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1, operand_descs_[i],
                          ArgumentSource::Input(first_input_ + post_ops_[i].input - 1)});
  }
}

std::optional<EpilogueTape> MakeEpilogueTape(const KernelRequest& request, const Expr& epilogue, int first_input,
                                             DnnlKernelBuilder* builder) {
  std::vector<Shape> shapes = {request.output_shape()};
  for (int i = first_input; i < request.num_inputs(); ++i) shapes.push_back(request.shape(i));
  std::optional<MapProgram> program =
      MapProgram::Compile(epilogue, shapes, request.output_shape(), request.context->tiles);
  if (!program.has_value()) return std::nullopt;
  const int64_t product_bytes = request.output_shape().num_elements() * static_cast<int64_t>(sizeof(float));
  const bool in_output = SizeOf(request.output_dtype()) == sizeof(float);
  ArgumentSource product =
      in_output ? ArgumentSource::Output() : ArgumentSource::Workspace(builder->Reserve(product_bytes));
  return EpilogueTape{*std::move(program), std::move(product), first_input};
}

}  // namespace moulin::cpu
