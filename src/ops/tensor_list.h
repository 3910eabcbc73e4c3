// Lists of tensors: what TensorFlow's TensorList and TensorArray ops hand on as a scalar of type variant.
#ifndef MOULIN_OPS_TENSOR_LIST_H_
#define MOULIN_OPS_TENSOR_LIST_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

// A tree with a few dozen branches a node. A changed list shares with the one it was made from all but the path to what
// has changed, so that writing the elements of a list in turn costs little an element, and what was never written takes
// no memory. An element that has not been written is an invalid Tensor.
// Thread-safety: as that of a value; lists that share nodes may be read and changed by different threads.
class TensorList {
 public:
  // `element_shape`: what every element must have.
  TensorList(DType element_type, PartialShape element_shape, int64_t size);

  DType element_type() const { return element_type_; }
  const PartialShape& element_shape() const { return element_shape_; }
  int64_t size() const { return size_; }
  const Tensor& at(int64_t i) const;

  TensorList With(int64_t i, Tensor element) const;
  // For who makes a list: copies only what others share.
  void Set(int64_t i, Tensor element);
  TensorList Resized(int64_t size) const;

  // Whether writing beyond the end makes it longer.
  bool is_growable() const { return is_growable_; }
  void set_growable(bool growable) { is_growable_ = growable; }

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;  // null where nothing was written; one that others hold is never changed

  static Node& Writable(NodePtr* node, bool is_leaf);
  static void Truncate(NodePtr* node, int height, int64_t size);
  void Grow(int64_t size);

  DType element_type_;
  PartialShape element_shape_;
  bool is_growable_ = false;
  int64_t size_ = 0;
  int height_ = 0;  // of the root; a leaf's is 0
  NodePtr root_;
};

// A list as a tensor, which holds it alive, and back. `t` must be a scalar of type variant that was made so.
Tensor ListTensor(TensorList list);
const TensorList& ListOf(const Tensor& t);

}  // namespace moulin

#endif  // MOULIN_OPS_TENSOR_LIST_H_
