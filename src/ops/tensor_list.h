// Lists of tensors: what TensorFlow's TensorList and TensorArray ops hand on as a scalar of type variant.
#ifndef MOULIN_OPS_TENSOR_LIST_H_
#define MOULIN_OPS_TENSOR_LIST_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

// Immutable; a changed list shares what has not changed with the one it was made from, so that writing the elements of
// a list in turn costs little an element. An element that has not been written is an invalid Tensor.
class TensorList {
 public:
  // `element_shape`: what every element must have.
  TensorList(DType element_type, PartialShape element_shape, int64_t size);

  DType element_type() const { return element_type_; }
  const PartialShape& element_shape() const { return element_shape_; }
  int64_t size() const { return size_; }
  const Tensor& at(int64_t i) const { return (*chunks_[i / kChunk])[i % kChunk]; }

  TensorList With(int64_t i, Tensor element) const;
  // For who makes a list: copies the chunk where others share it.
  void Set(int64_t i, Tensor element);
  TensorList Resized(int64_t size) const;
  // Whether writing beyond the end makes it longer.
  bool is_growable() const { return is_growable_; }
  void set_growable(bool growable) { is_growable_ = growable; }

 private:
  static constexpr int64_t kChunk = 32;
  using Chunk = std::vector<Tensor>;  // of kChunk elements

  DType element_type_;
  PartialShape element_shape_;
  bool is_growable_ = false;
  int64_t size_;
  std::vector<std::shared_ptr<Chunk>> chunks_;  // one that others hold as well is never written
};

// A list as a tensor, which holds it alive, and back. `t` must be a scalar of type variant that was made so.
Tensor ListTensor(TensorList list);
const TensorList& ListOf(const Tensor& t);

}  // namespace moulin

#endif  // MOULIN_OPS_TENSOR_LIST_H_
