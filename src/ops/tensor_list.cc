// Tested by tests/ops/tensor_list_test.cc.
#include "ops/tensor_list.h"

#include <utility>

namespace moulin {
namespace {

constexpr int kBits = 5;  // of an index, a level
constexpr int64_t kBranches = int64_t{1} << kBits;

// Elements below a node of this height.
int64_t Capacity(int height) { return int64_t{1} << (kBits * (height + 1)); }
// Which branch of such a node leads to element i.
int64_t BranchAt(int64_t i, int height) { return i >> (kBits * height) & (kBranches - 1); }

}  // namespace

struct TensorList::Node {
  std::vector<NodePtr> children;  // of an inner node
  std::vector<Tensor> elements;   // of a leaf
};

TensorList::TensorList(DType element_type, PartialShape element_shape, int64_t size)
    : element_type_(element_type), element_shape_(std::move(element_shape)) {
  Grow(size);
}

const Tensor& TensorList::at(int64_t i) const {
  static const auto* nothing = new Tensor;
  const NodePtr* node = &root_;
  for (int height = height_; height > 0 && *node != nullptr; --height) {
    node = &(*node)->children[BranchAt(i, height)];
  }
  return *node == nullptr ? *nothing : (*node)->elements[BranchAt(i, 0)];
}

TensorList TensorList::With(int64_t i, Tensor element) const {
  TensorList changed = *this;
  changed.Set(i, std::move(element));
  return changed;
}

TensorList::Node& TensorList::Writable(NodePtr* node, bool is_leaf) {
  if (*node == nullptr) {
    *node = std::make_shared<Node>();
    (is_leaf ? (*node)->elements.resize(kBranches) : (*node)->children.resize(kBranches));
  } else if (node->use_count() > 1) {
    *node = std::make_shared<Node>(**node);
  }
  return **node;
}

void TensorList::Set(int64_t i, Tensor element) {
  NodePtr* node = &root_;
  for (int height = height_; height > 0; --height) {
    node = &Writable(node, /*is_leaf=*/false).children[BranchAt(i, height)];
  }
  Writable(node, /*is_leaf=*/true).elements[BranchAt(i, 0)] = std::move(element);
}

// Makes room for `size` elements.
void TensorList::Grow(int64_t size) {
  size_ = size;
  for (; Capacity(height_) < size; ++height_) {
    if (root_ == nullptr) continue;
    NodePtr old = std::move(root_);
    root_ = nullptr;
    Writable(&root_, /*is_leaf=*/false).children[0] = std::move(old);
  }
}

// Forgets the elements from `size` on, so that they do not come back when the list grows again.
void TensorList::Truncate(NodePtr* node, int height, int64_t size) {
  if (*node == nullptr || size >= Capacity(height)) return;
  if (size <= 0) {
    *node = nullptr;
    return;
  }
  Node& kept = Writable(node, height == 0);
  for (int64_t branch = 0; branch < kBranches; ++branch) {
    if (height > 0) {
      Truncate(&kept.children[branch], height - 1, size - branch * Capacity(height - 1));
    } else if (branch >= size) {
      kept.elements[branch] = Tensor();
    }
  }
}

TensorList TensorList::Resized(int64_t size) const {
  TensorList resized = *this;
  if (size < size_) Truncate(&resized.root_, height_, size);
  resized.Grow(size);
  return resized;
}

Tensor ListTensor(TensorList list) {
  auto owner = std::make_shared<const TensorList>(std::move(list));
  const void* data = owner.get();
  return Tensor::Borrow(DType::kVariant, Shape(), std::move(owner), data);
}

const TensorList& ListOf(const Tensor& t) { return *static_cast<const TensorList*>(t.data()); }

}  // namespace moulin
