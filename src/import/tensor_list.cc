// Lists of tensors: the TensorList ops as they are, and TensorFlow 1's TensorArrays, whose flow is made the list itself
// (it passes from each op to the next, as a list does) and whose handle says nothing any more.
#include "import/kept.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// An element's shape as the TensorList ops take it: a vector with -1 for unknown sizes, or the scalar -1.
ValueId ShapeConstant(const PartialShape& shape, GraphBuilder* b) {
  if (!shape.has_rank()) return b->Constant(Tensor::Scalar<int32_t>(-1));
  std::vector<int32_t> dims(shape.dims().begin(), shape.dims().end());
  return b->Constant(Tensor::Of<int32_t>(Shape{static_cast<int64_t>(dims.size())}, dims));
}

HostOpAttrs ListOp(const char* op, std::vector<DType> types) {
  HostOpAttrs attrs;
  attrs.op = op;
  attrs.output_types = std::move(types);
  return attrs;
}

void AddListOp(LoweringContext& c, HostOpAttrs attrs, std::initializer_list<ValueId> inputs) {
  c.Outputs(c.b.AddMulti(OpKind::kHostOp, std::move(attrs), inputs));
}

// (size) -> handle, flow; the handle of the first versions is text (import/old_tensor_arrays.h).
void LowerArray(LoweringContext& c) {
  HostOpAttrs attrs = ListOp("TensorListReserve", {DType::kVariant});
  attrs.ints = {{"element_dtype", static_cast<int64_t>(c.Type("dtype", DType::kInvalid))},
                {"growable", c.Bool("dynamic_size", false) ? 1 : 0}};
  const bool is_old = c.op() != "TensorArrayV3";
  c.Output(c.b.Constant(is_old ? Tensor::OfStrings(Shape(), {""}) : Tensor::Scalar<int32_t>(0)));
  AddListOp(c, std::move(attrs), {ShapeConstant(c.ShapeAttr("element_shape"), &c.b), c.input(0)});
}

// (handle, index, value, flow)
void LowerWrite(LoweringContext& c) {
  AddListOp(c, ListOp("TensorListSetItem", {DType::kVariant}), {c.input(3), c.input(1), c.input(2)});
}

// (handle, index, flow)
void LowerRead(LoweringContext& c) {
  AddListOp(c, ListOp("TensorListGetItem", {c.Type("dtype", DType::kInvalid)}),
            {c.input(2), c.input(1), ShapeConstant(PartialShape(), &c.b)});
}

// (handle, indices, flow)
void LowerArrayGather(LoweringContext& c) {
  AddListOp(c, ListOp("TensorListGather", {c.Type("dtype", DType::kInvalid)}),
            {c.input(2), c.input(1), ShapeConstant(c.ShapeAttr("element_shape"), &c.b)});
}

// (handle, indices, value, flow)
void LowerScatter(LoweringContext& c) {
  AddListOp(c, ListOp("TensorListScatterIntoExistingList", {DType::kVariant}), {c.input(3), c.input(2), c.input(1)});
}

// (handle, flow) -> value, lengths
void LowerArrayConcat(LoweringContext& c) {
  AddListOp(c, ListOp("TensorListConcatV2", {c.Type("dtype", DType::kInvalid), DType::kInt64}),
            {c.input(1), ShapeConstant(PartialShape(), &c.b), c.b.Ints({})});
}

// (handle, value, lengths, flow)
void LowerListSplit(LoweringContext& c) {
  AddListOp(c, ListOp("TensorListSplit", {DType::kVariant}),
            {c.input(1), ShapeConstant(PartialShape(), &c.b), c.input(2)});
}

// (handle, flow)
void LowerListSize(LoweringContext& c) { AddListOp(c, ListOp("TensorListLength", {DType::kInt32}), {c.input(1)}); }

// An older form, which takes the shape that the first elements have instead of their sizes.
void LowerListConcat(LoweringContext& c) {
  AddListOp(c, ListOp("TensorListConcatV2", {c.Type("element_dtype", DType::kInvalid), DType::kInt64}),
            {c.input(0), ShapeConstant(c.ShapeAttr("element_shape"), &c.b), c.b.Ints({})});
}

// (handle, flow): all elements, stacked.
void LowerArrayPack(LoweringContext& c) {
  HostOpAttrs attrs = ListOp("TensorListStack", {c.Type("dtype", DType::kInvalid)});
  attrs.ints = {{"num_elements", -1}};
  AddListOp(c, std::move(attrs), {c.input(1), ShapeConstant(c.ShapeAttr("element_shape"), &c.b)});
}

// (handle, value, flow): the rows of a value become the elements.
void LowerArrayUnpack(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const ValueId rows = ScalarFrom(b, DimOf(b, c.input(1), 0));
  const ValueId places = b.Cast(b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), rows, b.Int(1)}), DType::kInt32);
  AddListOp(c, ListOp("TensorListScatterIntoExistingList", {DType::kVariant}), {c.input(2), c.input(1), places});
}

void LowerClose(LoweringContext&) {}

constexpr OpLowering kTensorListLowerings[] = {
    {"TensorArray", 1, 1, LowerArray},
    {"TensorArrayClose", 1, 1, LowerClose},
    {"TensorArrayCloseV2", 1, 1, LowerClose},
    {"TensorArrayCloseV3", 1, 1, LowerClose},
    {"TensorArrayConcat", 2, 2, LowerArrayConcat},
    {"TensorArrayConcatV2", 2, 2, LowerArrayConcat},
    {"TensorArrayConcatV3", 2, 2, LowerArrayConcat},
    {"TensorArrayGather", 3, 3, LowerArrayGather},
    {"TensorArrayGatherV2", 3, 3, LowerArrayGather},
    {"TensorArrayGatherV3", 3, 3, LowerArrayGather},
    {"TensorArrayPack", 2, 2, LowerArrayPack},
    {"TensorArrayRead", 3, 3, LowerRead},
    {"TensorArrayReadV2", 3, 3, LowerRead},
    {"TensorArrayReadV3", 3, 3, LowerRead},
    {"TensorArrayScatter", 4, 4, LowerScatter},
    {"TensorArrayScatterV2", 4, 4, LowerScatter},
    {"TensorArrayScatterV3", 4, 4, LowerScatter},
    {"TensorArraySize", 2, 2, LowerListSize},
    {"TensorArraySizeV2", 2, 2, LowerListSize},
    {"TensorArraySizeV3", 2, 2, LowerListSize},
    {"TensorArraySplit", 4, 4, LowerListSplit},
    {"TensorArraySplitV2", 4, 4, LowerListSplit},
    {"TensorArraySplitV3", 4, 4, LowerListSplit},
    {"TensorArrayUnpack", 3, 3, LowerArrayUnpack},
    {"TensorArrayV2", 1, 1, LowerArray},
    {"TensorArrayV3", 1, 1, LowerArray},
    {"TensorArrayWrite", 4, 4, LowerWrite},
    {"TensorArrayWriteV2", 4, 4, LowerWrite},
    {"TensorArrayWriteV3", 4, 4, LowerWrite},
    {"TensorListConcat", 1, 1, LowerListConcat},
};

}  // namespace

absl::Span<const OpLowering> TensorListLowerings() { return kTensorListLowerings; }

}  // namespace moulin
