// Tested by tests/ops/tensor_list_test.cc.
#include "ops/tensor_list.h"

#include <algorithm>
#include <utility>

namespace moulin {

TensorList::TensorList(DType element_type, PartialShape element_shape, int64_t size)
    : element_type_(element_type), element_shape_(std::move(element_shape)), size_(size) {
  // One chunk of nothing, shared by all.
  static const auto* empty = new std::shared_ptr<Chunk>(std::make_shared<Chunk>(kChunk));
  chunks_.assign((size + kChunk - 1) / kChunk, *empty);
}

TensorList TensorList::With(int64_t i, Tensor element) const {
  TensorList changed = *this;
  changed.Set(i, std::move(element));
  return changed;
}

void TensorList::Set(int64_t i, Tensor element) {
  std::shared_ptr<Chunk>& chunk = chunks_[i / kChunk];
  if (chunk.use_count() > 1) chunk = std::make_shared<Chunk>(*chunk);
  (*chunk)[i % kChunk] = std::move(element);
}

TensorList TensorList::Resized(int64_t size) const {
  TensorList resized(element_type_, element_shape_, size);
  resized.is_growable_ = is_growable_;
  const size_t kept = std::min(chunks_.size(), resized.chunks_.size());
  std::copy(chunks_.begin(), chunks_.begin() + kept, resized.chunks_.begin());
  if (size < size_ && size % kChunk != 0) {  // what lies beyond the end must not come back when the list grows again
    auto chunk = std::make_shared<Chunk>(*resized.chunks_.back());
    for (int64_t i = size % kChunk; i < kChunk; ++i) (*chunk)[i] = Tensor();
    resized.chunks_.back() = std::move(chunk);
  }
  return resized;
}

Tensor ListTensor(TensorList list) {
  auto owner = std::make_shared<const TensorList>(std::move(list));
  const void* data = owner.get();
  return Tensor::Borrow(DType::kVariant, Shape(), std::move(owner), data);
}

const TensorList& ListOf(const Tensor& t) { return *static_cast<const TensorList*>(t.data()); }

}  // namespace moulin
