// TensorFlow's TensorList ops, which its TensorArray ops are lowered to as well. Tests: tests/ops/tensor_list_test.cc,
// tests/cases/list_cases.py.
//
// Attributes beside TensorFlow's: "element_dtype" as a number, "growable" of a list that grows when it is written
// beyond its end.
#include <algorithm>
#include <utility>

#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/tensor_list.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 24;

DType ElementType(const HostOpAttrs& attrs) {
  return static_cast<DType>(IntAttr(attrs, "element_dtype", static_cast<int64_t>(DType::kInvalid)));
}

// The shape that an operand says: a vector, -1 for sizes not known, or the scalar -1 for a rank not known.
StatusOr<PartialShape> ShapeOperand(const Tensor& t) {
  MOULIN_ASSIGN_OR_RETURN(const Ints dims, IntValues(t));
  if (t.shape().rank() == 0) {
    if (dims[0] == -1) return PartialShape();
    return MakeError(ErrorCode::kShape, "an element's shape must be a vector or the scalar -1, got ", t.ToString());
  }
  for (const int64_t dim : dims) {
    if (dim < -1) return MakeError(ErrorCode::kShape, "an element's shape has a negative size: ", t.ToString());
  }
  return PartialShape(dims);
}

StatusOr<PartialShape> KnownShapeOperand(const InferContext& c, int i) {
  if (c.constant(i) != nullptr) return ShapeOperand(*c.constant(i));
  return PartialShape();
}

StatusOr<int64_t> ScalarInt(const Tensor& t, absl::string_view what) {
  MOULIN_ASSIGN_OR_RETURN(const Ints values, IntValues(t));
  if (values.size() == 1) return values[0];
  return MakeError(ErrorCode::kShape, what, " must be a scalar, got ", t.shape().ToString());
}

StatusOr<const TensorList*> ListInput(const KernelContext& c, int i) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kVariant, c.input(i).dtype(), "the operand that is a list"));
  if (c.input(i).is_valid() && c.input(i).data() != nullptr) return &ListOf(c.input(i));
  return MakeError(ErrorCode::kValue, "the operand is no list");
}

Status CheckSize(int64_t size) {
  if (size >= 0 && size <= kMaxElements) return absl::OkStatus();
  return MakeError(ErrorCode::kLimit, "expected a list of at most ", kMaxElements, " elements, got ", size);
}

Status CheckIndex(int64_t i, const TensorList& list) {
  if (i >= 0 && i < list.size()) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "element ", i, " of a list of ", list.size());
}

Status GiveList(const KernelContext& c, TensorList list, int output = 0) {
  c.output(output) = ListTensor(std::move(list));
  return absl::OkStatus();
}

Status InferList(InferContext& c) { return AddOutput(c, DType::kVariant, Shape()); }

// --- making lists ---

Status MakeEmpty(const KernelContext& c, int64_t size) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckSize(size));
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, ShapeOperand(c.input(0)));
  TensorList list(ElementType(attrs), std::move(shape), size);
  list.set_growable(IntAttr(attrs, "growable", 0) != 0);
  return GiveList(c, std::move(list));
}

// (element shape, number of elements)
Status Reserve(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const int64_t size, ScalarInt(c.input(1), "the number of elements"));
  return MakeEmpty(c, size);
}

// (element shape, the most elements)
Status Empty(const KernelContext& c) { return MakeEmpty(c, 0); }

// The rows of `x`, which share one copy of its elements. Strings are copied row by row.
StatusOr<std::vector<Tensor>> SplitRows(const Tensor& x) {
  if (x.shape().rank() == 0) return MakeError(ErrorCode::kShape, "a scalar has no rows to make a list of");
  const Shape row(x.shape().dims().subspan(1));
  const int64_t count = x.shape().dim(0);
  std::vector<Tensor> rows;
  if (SizeOf(x.dtype()) == 0) {
    for (int64_t i = 0; i < count; ++i) {
      MOULIN_ASSIGN_OR_RETURN(Tensor copy, Tensor::Allocate(x.dtype(), row));
      CopyElements(x, i * row.num_elements(), copy, 0, row.num_elements());
      rows.push_back(std::move(copy));
    }
    return rows;
  }
  MOULIN_ASSIGN_OR_RETURN(const Tensor copy, x.Clone());
  const auto owner = std::make_shared<const Tensor>(copy);
  const auto* data = static_cast<const char*>(copy.data());
  const int64_t bytes = row.num_elements() * static_cast<int64_t>(SizeOf(x.dtype()));
  for (int64_t i = 0; i < count; ++i) rows.push_back(Tensor::Borrow(x.dtype(), row, owner, data + i * bytes));
  return rows;
}

Status CheckElement(const Tensor& element, const TensorList& list) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(list.element_type(), element.dtype(), "the elements of a list"));
  if (list.element_shape().Accepts(element.shape())) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, "expected an element of shape ", list.element_shape().ToString(), ", got ",
                   element.shape().ToString());
}

// (tensor, element shape)
Status FromTensor(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, ShapeOperand(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(std::vector<Tensor> rows, SplitRows(c.input(0)));
  TensorList list(c.input(0).dtype(), std::move(shape), 0);
  MOULIN_RETURN_IF_ERROR(CheckSize(static_cast<int64_t>(rows.size())));
  list = list.Resized(static_cast<int64_t>(rows.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckElement(rows[i], list));
    list.Set(static_cast<int64_t>(i), std::move(rows[i]));
  }
  return GiveList(c, std::move(list));
}

// Writes the rows of `x` at these places of `list`, which grows where an index lies beyond its end.
Status ScatterRows(const Tensor& x, const Tensor& indices, TensorList* list) {
  MOULIN_ASSIGN_OR_RETURN(const Ints at, IntValues(indices));
  MOULIN_ASSIGN_OR_RETURN(std::vector<Tensor> rows, SplitRows(x));
  if (at.size() != rows.size()) {
    return MakeError(ErrorCode::kShape, "expected one index for each of ", rows.size(), " rows, got ", at.size());
  }
  for (size_t i = 0; i < at.size(); ++i) {
    if (at[i] < 0) return MakeError(ErrorCode::kValue, "element ", at[i], " of a list");
    MOULIN_RETURN_IF_ERROR(CheckSize(at[i] + 1));
    if (at[i] >= list->size()) *list = list->Resized(at[i] + 1);
    MOULIN_RETURN_IF_ERROR(CheckElement(rows[i], *list));
    list->Set(at[i], std::move(rows[i]));
  }
  return absl::OkStatus();
}

// (tensor, indices, element shape), and of V2 the number of elements, -1 for the largest index's.
Status Scatter(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, ShapeOperand(c.input(2)));
  int64_t size = 0;
  if (c.inputs.size() > 3) {
    MOULIN_ASSIGN_OR_RETURN(size, ScalarInt(c.input(3), "the number of elements"));
  }
  TensorList list(c.input(0).dtype(), std::move(shape), 0);
  MOULIN_RETURN_IF_ERROR(CheckSize(std::max<int64_t>(size, 0)));
  list = list.Resized(std::max<int64_t>(size, 0));
  MOULIN_RETURN_IF_ERROR(ScatterRows(c.input(0), c.input(1), &list));
  return GiveList(c, std::move(list));
}

// (list, tensor, indices)
Status ScatterInto(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* old, ListInput(c, 0));
  TensorList list = *old;
  MOULIN_RETURN_IF_ERROR(ScatterRows(c.input(1), c.input(2), &list));
  return GiveList(c, std::move(list));
}

// (tensor, element shape, lengths): consecutive rows together make an element.
Status ListSplit(const KernelContext& c) {
  const Tensor& x = c.input(0);
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, ShapeOperand(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const Ints lengths, IntValues(c.input(2)));
  if (x.shape().rank() == 0) return MakeError(ErrorCode::kShape, "a scalar cannot be split");
  const int64_t row = DimProduct(x.shape().dims(), 1, x.shape().rank());
  MOULIN_RETURN_IF_ERROR(CheckSize(static_cast<int64_t>(lengths.size())));
  TensorList list = TensorList(x.dtype(), std::move(shape), 0).Resized(static_cast<int64_t>(lengths.size()));
  int64_t begin = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] < 0 || lengths[i] > x.shape().dim(0) - begin) {
      return MakeError(ErrorCode::kValue, "lengths must be positive and sum to ", x.shape().dim(0), ", got ",
                       c.input(2).ToString());
    }
    Shape part = x.shape();
    part.set_dim(0, lengths[i]);
    MOULIN_ASSIGN_OR_RETURN(Tensor element, Tensor::Allocate(x.dtype(), part));
    CopyElements(x, begin * row, element, 0, lengths[i] * row);
    begin += lengths[i];
    MOULIN_RETURN_IF_ERROR(CheckElement(element, list));
    list.Set(static_cast<int64_t>(i), std::move(element));
  }
  if (begin != x.shape().dim(0)) {
    return MakeError(ErrorCode::kValue, "lengths must sum to ", x.shape().dim(0), ", got ", c.input(2).ToString());
  }
  return GiveList(c, std::move(list));
}

// --- changing lists ---

// (list, index, item)
Status SetItem(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const int64_t i, ScalarInt(c.input(1), "the index"));
  MOULIN_RETURN_IF_ERROR(CheckElement(c.input(2), *list));
  // The item lies where a later step will write: the list keeps a copy.
  MOULIN_ASSIGN_OR_RETURN(Tensor item, c.input(2).Clone());
  const bool grows = list->is_growable() || IntAttr(attrs, "resize_if_index_out_of_bounds", 0) != 0;
  if (grows && i >= list->size()) {
    MOULIN_RETURN_IF_ERROR(CheckSize(i + 1));
    return GiveList(c, list->Resized(i + 1).With(i, std::move(item)));
  }
  MOULIN_RETURN_IF_ERROR(CheckIndex(i, *list));
  return GiveList(c, list->With(i, std::move(item)));
}

// (list, item)
Status PushBack(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_RETURN_IF_ERROR(CheckElement(c.input(1), *list));
  MOULIN_RETURN_IF_ERROR(CheckSize(list->size() + 1));
  MOULIN_ASSIGN_OR_RETURN(Tensor item, c.input(1).Clone());
  return GiveList(c, list->Resized(list->size() + 1).With(list->size(), std::move(item)));
}

// The items of both, one list behind the other.
Status ConcatLists(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* a, ListInput(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const TensorList* b, ListInput(c, 1));
  if (a->element_type() != b->element_type()) return UnsupportedType(b->element_type());
  MOULIN_RETURN_IF_ERROR(MergeShapes(a->element_shape(), b->element_shape(), "the elements of a list").status());
  MOULIN_RETURN_IF_ERROR(CheckSize(a->size() + b->size()));
  TensorList joined = a->Resized(a->size() + b->size());
  for (int64_t i = 0; i < b->size(); ++i) {
    if (b->at(i).is_valid()) joined.Set(a->size() + i, b->at(i));
  }
  return GiveList(c, std::move(joined));
}

// (list, size)
Status ResizeList(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const int64_t size, ScalarInt(c.input(1), "the size"));
  MOULIN_RETURN_IF_ERROR(CheckSize(size));
  return GiveList(c, list->Resized(size));
}

// --- reading lists ---

// What every element of `list` surely has: the list's own shape, `given`, and the shapes of those that were written.
StatusOr<PartialShape> ElementShape(const TensorList& list, const PartialShape& given) {
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, MergeShapes(list.element_shape(), given, "the elements of a list"));
  return shape;
}

// Element `i`; zeros where it was never written and the shape is known.
StatusOr<Tensor> Element(const TensorList& list, int64_t i, const PartialShape& shape) {
  const Tensor& element = list.at(i);
  if (element.is_valid()) {
    if (shape.Accepts(element.shape())) return element;
    return MakeError(ErrorCode::kShape, "element ", i, ": expected shape ", shape.ToString(), ", got ",
                     element.shape().ToString());
  }
  if (shape.IsFullyKnown()) return Tensor::Allocate(list.element_type(), shape.ToShape());
  return MakeError(ErrorCode::kValue, "element ", i, " of a list was never written, and its shape is not known");
}

// The shape for elements that were never written, where the list does not say it: that of those that were.
PartialShape ShapeOfWritten(const TensorList& list, PartialShape shape) {
  for (int64_t i = 0; i < list.size() && !shape.IsFullyKnown(); ++i) {
    if (list.at(i).is_valid()) shape = list.at(i).shape();
  }
  return shape;
}

// (list, index, element shape)
Status GetItem(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const int64_t i, ScalarInt(c.input(1), "the index"));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape given, ShapeOperand(c.input(2)));
  MOULIN_RETURN_IF_ERROR(CheckIndex(i, *list));
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, ElementShape(*list, given));
  if (!list->at(i).is_valid()) shape = ShapeOfWritten(*list, std::move(shape));
  MOULIN_ASSIGN_OR_RETURN(const Tensor element, Element(*list, i, shape));
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, element.dtype(), element.shape()));
  CopyElements(element, 0, c.output(0), 0, element.num_elements());
  return absl::OkStatus();
}

Status InferItem(InferContext& c, int shape_operand) {
  const std::vector<DType>& types = c.attr<HostOpAttrs>().output_types;
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, KnownShapeOperand(c, shape_operand));
  c.Add(types.back(), std::move(shape));
  return absl::OkStatus();
}

Status InferGetItem(InferContext& c) { return InferItem(c, 2); }

// (list, element shape) -> list, item
Status PopBack(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape given, ShapeOperand(c.input(1)));
  if (list->size() == 0) return MakeError(ErrorCode::kValue, "the list is empty");
  MOULIN_ASSIGN_OR_RETURN(const PartialShape shape, ElementShape(*list, given));
  MOULIN_ASSIGN_OR_RETURN(const Tensor element, Element(*list, list->size() - 1, shape));
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, element.dtype(), element.shape()));
  CopyElements(element, 0, c.output(1), 0, element.num_elements());
  return GiveList(c, list->Resized(list->size() - 1));
}

Status InferPopBack(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(AddOutput(c, DType::kVariant, Shape()));
  return InferItem(c, 1);
}

// Puts these elements of `list` one after another along a new axis.
Status StackElements(const KernelContext& c, const TensorList& list, const Ints& which, PartialShape shape) {
  shape = ShapeOfWritten(list, std::move(shape));
  if (!shape.IsFullyKnown()) {
    return MakeError(ErrorCode::kValue, "a list of ", list.size(), " elements of shape ", shape.ToString(),
                     ", none of them written, cannot be stacked");
  }
  const Shape element_shape = shape.ToShape();
  Shape result{static_cast<int64_t>(which.size())};
  for (const int64_t dim : element_shape.dims()) result.push_back(dim);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, list.element_type(), result));
  const int64_t count = element_shape.num_elements();
  for (size_t k = 0; k < which.size(); ++k) {
    MOULIN_RETURN_IF_ERROR(CheckIndex(which[k], list));
    MOULIN_ASSIGN_OR_RETURN(const Tensor element, Element(list, which[k], shape));
    CopyElements(element, 0, c.output(0), static_cast<int64_t>(k) * count, count);
  }
  return absl::OkStatus();
}

// (list, element shape), attribute num_elements: -1 or what the list must have
Status Stack(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape given, ShapeOperand(c.input(1)));
  const int64_t expected = IntAttr(c.attr<HostOpAttrs>(), "num_elements", -1);
  if (expected >= 0 && expected != list->size()) {
    return MakeError(ErrorCode::kValue, "expected a list of ", expected, " elements, got ", list->size());
  }
  Ints all(list->size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, ElementShape(*list, given));
  return StackElements(c, *list, all, std::move(shape));
}

// [count, element...], as far as that is known.
Status AddStacked(InferContext& c, int64_t count, const PartialShape& element) {
  PartialShape shape;
  if (element.has_rank()) {
    shape = PartialShape{count};
    for (const int64_t dim : element.dims()) shape.push_back(dim);
  }
  return AddOutput(c, c.attr<HostOpAttrs>().output_types[0], shape);
}

Status InferStack(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const PartialShape element, KnownShapeOperand(c, 1));
  const int64_t count = IntAttr(c.attr<HostOpAttrs>(), "num_elements", -1);
  return AddStacked(c, count < 0 ? kUnknownDim : count, element);
}

// (list, indices, element shape)
Status GatherList(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const Ints indices, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape given, ShapeOperand(c.input(2)));
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, ElementShape(*list, given));
  return StackElements(c, *list, indices, std::move(shape));
}

Status InferGatherList(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const PartialShape element, KnownShapeOperand(c, 2));
  return AddStacked(c, KnownElements(c.shape(1)), element);
}

// (list, element shape, leading sizes) -> tensor, lengths: the elements one after another along their first axis.
Status ConcatList(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape given, ShapeOperand(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const Ints leading, IntValues(c.input(2)));
  PartialShape row;  // of the elements, without their first axis
  if (given.has_rank()) {
    if (given.rank() == 0) return MakeError(ErrorCode::kShape, "scalars have no axis to be put together along");
    row = PartialShape(given.dims().subspan(1));
  }
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, DType::kInt64, Shape{list->size()}));
  std::vector<Tensor> elements;
  int64_t total = 0;
  for (int64_t i = 0; i < list->size(); ++i) {
    PartialShape shape = list->element_shape();
    if (!list->at(i).is_valid() && row.IsFullyKnown() && i < static_cast<int64_t>(leading.size())) {
      shape = PartialShape{leading[i]};
      for (const int64_t dim : row.dims()) shape.push_back(dim);
    }
    MOULIN_ASSIGN_OR_RETURN(Tensor element, Element(*list, i, shape));
    if (element.shape().rank() == 0) {
      return MakeError(ErrorCode::kShape, "element ", i, " is a scalar, which has no axis to be put together along");
    }
    MOULIN_ASSIGN_OR_RETURN(row, MergeShapes(row, PartialShape(element.shape().dims().subspan(1)), "the elements"));
    c.output(1).mutable_values<int64_t>()[i] = element.shape().dim(0);
    total += element.shape().dim(0);
    elements.push_back(std::move(element));
  }
  if (!row.IsFullyKnown()) return MakeError(ErrorCode::kValue, "an empty list of elements of unknown shape");
  Shape result{total};
  for (const int64_t dim : row.dims()) result.push_back(dim);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, list->element_type(), result));
  int64_t at = 0;
  for (const Tensor& element : elements) {
    CopyElements(element, 0, c.output(0), at, element.num_elements());
    at += element.num_elements();
  }
  return absl::OkStatus();
}

Status InferConcat(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(PartialShape shape, KnownShapeOperand(c, 1));
  if (shape.has_rank() && shape.rank() > 0) shape.set_dim(0, kUnknownDim);
  c.Add(c.attr<HostOpAttrs>().output_types[0], std::move(shape));
  c.Add(DType::kInt64, PartialShape{kUnknownDim});
  return absl::OkStatus();
}

Status Length(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kInt32, Shape()));
  c.output(0).mutable_values<int32_t>()[0] = static_cast<int32_t>(list->size());
  return absl::OkStatus();
}

Status InferLength(InferContext& c) { return AddOutput(c, DType::kInt32, Shape()); }

Status ShapeOfElements(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const TensorList* list, ListInput(c, 0));
  const PartialShape& shape = list->element_shape();
  const DType type = c.attr<HostOpAttrs>().output_types[0];
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, type, shape.has_rank() ? Shape{shape.rank()} : Shape()));
  const auto put = [&](int64_t i, int64_t value) {
    if (type == DType::kInt64) c.output(0).mutable_values<int64_t>()[i] = value;
    if (type == DType::kInt32) c.output(0).mutable_values<int32_t>()[i] = static_cast<int32_t>(value);
  };
  if (!shape.has_rank()) put(0, -1);
  for (int i = 0; i < shape.rank(); ++i) put(i, shape.dim(i));
  return absl::OkStatus();
}

constexpr HostOp kTensorListKernels[] = {
    {"EmptyTensorList", 2, 2, InferList, Empty},
    {"TensorListConcatLists", 2, 2, InferList, ConcatLists},
    {"TensorListConcatV2", 3, 3, InferConcat, ConcatList},
    {"TensorListElementShape", 1, 1, InferUnknown, ShapeOfElements},
    {"TensorListFromTensor", 2, 2, InferList, FromTensor},
    {"TensorListGather", 3, 3, InferGatherList, GatherList},
    {"TensorListGetItem", 3, 3, InferGetItem, GetItem},
    {"TensorListLength", 1, 1, InferLength, Length},
    {"TensorListPopBack", 2, 2, InferPopBack, PopBack},
    {"TensorListPushBack", 2, 2, InferList, PushBack},
    {"TensorListReserve", 2, 2, InferList, Reserve},
    {"TensorListResize", 2, 2, InferList, ResizeList},
    {"TensorListScatter", 3, 3, InferList, Scatter},
    {"TensorListScatterIntoExistingList", 3, 3, InferList, ScatterInto},
    {"TensorListScatterV2", 4, 4, InferList, Scatter},
    {"TensorListSetItem", 3, 3, InferList, SetItem},
    {"TensorListSplit", 3, 3, InferList, ListSplit},
    {"TensorListStack", 2, 2, InferStack, Stack},
};

}  // namespace

absl::Span<const HostOp> TensorListKernels() { return kTensorListKernels; }

}  // namespace moulin
