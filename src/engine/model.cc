#include "moulin/model.h"

#include <utility>

#include "engine/model_impl.h"

namespace moulin {

Model::Model(std::shared_ptr<internal::ModelImpl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

const std::string& Model::name() const { return impl_->interface().name(); }
const std::string& Model::device() const { return impl_->device_name(); }
const std::vector<TensorInfo>& Model::inputs() const { return impl_->interface().inputs(); }
const std::vector<TensorInfo>& Model::outputs() const { return impl_->interface().outputs(); }

StatusOr<NamedTensors> Model::Run(NamedTensors inputs, std::vector<std::string> outputs) {
  Request request;
  request.inputs = std::move(inputs);
  request.outputs = std::move(outputs);
  return impl_->Run(std::move(request));
}

StatusOr<Future> Model::Submit(Request request) { return impl_->Submit(std::move(request)); }
Status Model::Prepare(absl::Span<const InputShape> shapes) { return impl_->Prepare(shapes); }
ModelStats Model::stats() const { return impl_->stats(); }

}  // namespace moulin
