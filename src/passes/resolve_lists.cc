// Follows the elements of lists whose length and indices are known (as they are where loops have been taken apart), so
// that what is read from a list is read from where it was computed, and the list itself goes.
#include <algorithm>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "ops/host_op.h"
#include "ops/tensor_list.h"
#include "passes/pass.h"
#include "passes/rewriter.h"

namespace moulin {
namespace {

constexpr int64_t kMaxLength = 4096;

// An element: a value, or (row >= 0) a row of one; kNoId where nothing was written.
struct Element {
  ValueId value = kNoId;
  int64_t row = -1;
};

struct List {
  DType type = DType::kInvalid;
  PartialShape element_shape;
  bool grows = false;
  std::vector<Element> elements;

  int64_t size() const { return static_cast<int64_t>(elements.size()); }
};

class Resolver {
 public:
  Resolver(Graph* graph, const PassOptions& options) : graph_(*graph), rewriter_(graph, options) {}

  StatusOr<bool> Run() {
    for (NodeId id = 0; id < rewriter_.num_nodes(); ++id) {
      if (graph_.node(id).kind != OpKind::kHostOp) continue;
      rewriter_.Visit(id);
      const Node node = graph_.node(id);  // a copy, for nodes are added
      Follow(node, node.attr<HostOpAttrs>());
    }
    return rewriter_.Finish();
  }

 private:
  GraphBuilder& b() { return rewriter_.builder(); }

  void Follow(const Node& node, const HostOpAttrs& attrs) {
    const std::string& op = attrs.op;
    if (op == "TensorListReserve") {
      Reserve(node, attrs);
    } else if (op == "TensorListFromTensor") {
      FromTensor(node);
    } else if (op == "TensorListSetItem") {
      SetItem(node, attrs);
    } else if (op == "TensorListScatterIntoExistingList") {
      Scatter(node);
    } else if (op == "TensorListPushBack") {
      PushBack(node);
    } else if (op == "TensorListGetItem") {
      GetItem(node);
    } else if (op == "TensorListStack") {
      Stack(node);
    } else if (op == "TensorListGather") {
      Gather(node);
    } else if (op == "TensorListLength") {
      if (const List* list = Known(node.inputs[0])) {
        rewriter_.Replace(node.outputs[0], b().Constant(Tensor::Scalar<int32_t>(static_cast<int32_t>(list->size()))));
      }
    }
  }

  // The elements of a list, or null where they are not known.
  const List* Known(ValueId v) {
    const auto it = lists_.find(v);
    if (it != lists_.end()) return &it->second;
    const Value& value = graph_.value(v);
    if (!value.is_constant() || value.type.dtype != DType::kVariant) return nullptr;
    const TensorList constant = ListOf(value.constant);
    if (constant.size() > kMaxLength) return nullptr;
    List list{constant.element_type(), constant.element_shape(), constant.is_growable(), {}};
    for (int64_t i = 0; i < constant.size(); ++i) {
      list.elements.push_back({constant.at(i).is_valid() ? b().Constant(constant.at(i)) : kNoId});
    }
    return &(lists_[v] = std::move(list));
  }

  std::optional<int64_t> KnownInt(ValueId v) {
    std::vector<int64_t> values;
    if (!b().ConstantInts(v, &values) || values.size() != 1) return std::nullopt;
    return values[0];
  }

  // The shape that an operand gives elements: of unknown rank where it is not known.
  PartialShape ShapeOperand(ValueId v) {
    std::vector<int64_t> dims;
    if (!b().ConstantInts(v, &dims) || graph_.value(v).constant.shape().rank() != 1) return PartialShape();
    return PartialShape(dims);
  }

  void Reserve(const Node& node, const HostOpAttrs& attrs) {
    const std::optional<int64_t> size = KnownInt(node.inputs[1]);
    if (!size || *size < 0 || *size > kMaxLength) return;
    List list;
    list.type = static_cast<DType>(IntAttr(attrs, "element_dtype", 0));
    list.element_shape = ShapeOperand(node.inputs[0]);
    list.grows = IntAttr(attrs, "growable", 0) != 0;
    list.elements.resize(*size);
    lists_[node.outputs[0]] = std::move(list);
  }

  void FromTensor(const Node& node) {
    const TensorType& type = graph_.value(node.inputs[0]).type;
    if (!type.shape.IsFullyKnown() || type.shape.rank() == 0 || type.shape.dim(0) > kMaxLength) return;
    List list;
    list.type = type.dtype;
    list.element_shape = PartialShape(type.shape.dims().subspan(1));
    for (int64_t i = 0; i < type.shape.dim(0); ++i) list.elements.push_back({node.inputs[0], i});
    lists_[node.outputs[0]] = std::move(list);
  }

  // Puts `element` at `i`; false where the list has no such place.
  bool Put(int64_t i, Element element, bool grows, List* list) {
    if (i < 0 || (i >= list->size() && !grows) || i >= kMaxLength) return false;
    if (i >= list->size()) list->elements.resize(i + 1);
    list->elements[i] = element;
    return true;
  }

  void SetItem(const Node& node, const HostOpAttrs& attrs) {
    const List* old = Known(node.inputs[0]);
    const std::optional<int64_t> i = KnownInt(node.inputs[1]);
    if (old == nullptr || !i) return;
    List list = *old;
    const bool grows = list.grows || IntAttr(attrs, "resize_if_index_out_of_bounds", 0) != 0;
    if (Put(*i, {node.inputs[2]}, grows, &list)) lists_[node.outputs[0]] = std::move(list);
  }

  // (list, tensor, indices)
  void Scatter(const Node& node) {
    const List* old = Known(node.inputs[0]);
    const TensorType& rows = graph_.value(node.inputs[1]).type;
    std::vector<int64_t> at;
    if (old == nullptr || !b().ConstantInts(node.inputs[2], &at) || !rows.shape.IsFullyKnown()) return;
    if (rows.shape.rank() == 0 || rows.shape.dim(0) != static_cast<int64_t>(at.size())) return;
    List list = *old;
    for (size_t i = 0; i < at.size(); ++i) {
      if (!Put(at[i], {node.inputs[1], static_cast<int64_t>(i)}, /*grows=*/true, &list)) return;
    }
    lists_[node.outputs[0]] = std::move(list);
  }

  void PushBack(const Node& node) {
    const List* old = Known(node.inputs[0]);
    if (old == nullptr) return;
    List list = *old;
    if (Put(list.size(), {node.inputs[1]}, /*grows=*/true, &list)) lists_[node.outputs[0]] = std::move(list);
  }

  // The element as a value; kNoId where it cannot be had.
  ValueId Read(const List& list, int64_t i, const PartialShape& shape) {
    const Element& element = list.elements[i];
    if (element.row >= 0) return Row(element);
    if (element.value != kNoId) return element.value;
    if (!shape.IsFullyKnown()) return kNoId;
    StatusOr<Tensor> zeros = Tensor::Allocate(list.type, shape.ToShape());
    return zeros.ok() ? b().Constant(*std::move(zeros)) : kNoId;
  }

  ValueId Row(const Element& element) {
    const auto key = std::make_pair(element.value, element.row);
    const auto it = rows_.find(key);
    if (it != rows_.end()) return it->second;
    const PartialShape& shape = graph_.value(element.value).type.shape;
    std::vector<int64_t> begin(shape.rank(), 0), size(shape.dims().begin(), shape.dims().end());
    begin[0] = element.row;
    size[0] = 1;
    const ValueId slice =
        b().Add(OpKind::kSlice, NoAttrs(),
                {element.value, b().Ints(absl::MakeConstSpan(begin)), b().Ints(absl::MakeConstSpan(size))});
    return rows_[key] = b().Squeeze(slice, {0});
  }

  // The shape that an element has which was never written, as far as it is known.
  PartialShape ShapeOf(const List& list, const PartialShape& given) {
    if (given.IsFullyKnown()) return given;
    if (list.element_shape.IsFullyKnown()) return list.element_shape;
    for (const Element& element : list.elements) {
      if (element.value == kNoId) continue;
      const PartialShape& shape = graph_.value(element.value).type.shape;
      if (!shape.IsFullyKnown()) continue;
      return element.row < 0 ? shape : PartialShape(shape.dims().subspan(1));
    }
    return PartialShape();
  }

  void GetItem(const Node& node) {
    const List* list = Known(node.inputs[0]);
    const std::optional<int64_t> i = KnownInt(node.inputs[1]);
    if (list == nullptr || !i || *i < 0 || *i >= list->size()) return;
    rewriter_.Replace(node.outputs[0], Read(*list, *i, ShapeOf(*list, ShapeOperand(node.inputs[2]))));
  }

  // These elements one after another along a new axis; kNoId where one of them cannot be had.
  ValueId StackOf(const List& list, absl::Span<const int64_t> which, const PartialShape& given) {
    if (which.empty()) return kNoId;
    if (const ValueId whole = WholeTensor(list, which); whole != kNoId) return whole;
    const PartialShape shape = ShapeOf(list, given);
    std::vector<ValueId> parts;
    for (const int64_t i : which) {
      if (i < 0 || i >= list.size()) return kNoId;
      const ValueId element = Read(list, i, shape);
      if (element == kNoId || !graph_.value(element).type.shape.has_rank()) return kNoId;
      parts.push_back(b().ExpandDims(element, 0));
    }
    return b().Concat(parts, 0);
  }

  // The tensor whose rows these are, all of them and in order; else kNoId.
  ValueId WholeTensor(const List& list, absl::Span<const int64_t> which) {
    const ValueId whole = which[0] >= 0 && which[0] < list.size() ? list.elements[which[0]].value : kNoId;
    if (whole == kNoId || graph_.value(whole).type.shape.rank() < 1) return kNoId;
    if (graph_.value(whole).type.shape.dim(0) != static_cast<int64_t>(which.size())) return kNoId;
    for (size_t k = 0; k < which.size(); ++k) {
      if (which[k] < 0 || which[k] >= list.size()) return kNoId;
      const Element& element = list.elements[which[k]];
      if (element.value != whole || element.row != static_cast<int64_t>(k)) return kNoId;
    }
    return whole;
  }

  void Stack(const Node& node) {
    const List* list = Known(node.inputs[0]);
    if (list == nullptr) return;
    std::vector<int64_t> all(list->size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    rewriter_.Replace(node.outputs[0], StackOf(*list, all, ShapeOperand(node.inputs[1])));
  }

  void Gather(const Node& node) {
    const List* list = Known(node.inputs[0]);
    std::vector<int64_t> indices;
    if (list == nullptr || !b().ConstantInts(node.inputs[1], &indices)) return;
    rewriter_.Replace(node.outputs[0], StackOf(*list, indices, ShapeOperand(node.inputs[2])));
  }

  Graph& graph_;
  Rewriter rewriter_;
  absl::flat_hash_map<ValueId, List> lists_;
  absl::flat_hash_map<std::pair<ValueId, int64_t>, ValueId> rows_;
};

}  // namespace

StatusOr<bool> ResolveLists(Graph* graph, const PassOptions& options) { return Resolver(graph, options).Run(); }

}  // namespace moulin
