// Views: the same elements under another shape or type. Tests: tests/ops/view_test.cc.
#include <algorithm>

#include "ops/op_util.h"

namespace moulin {
namespace {

// Copies all bytes of input 0 to output 0, which has as many.
void CopyAll(const KernelContext& c) {
  const Tensor& x = c.input(0);
  if (x.dtype() == DType::kString) {
    CopyElements(x, 0, c.output(0), 0, x.num_elements());
  } else if (x.byte_size() > 0) {
    std::memcpy(c.output(0).mutable_data(), x.data(), x.byte_size());
  }
}

template <InferFn infer>
Status View(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, infer));
  CopyAll(c);
  return absl::OkStatus();
}

Status ReshapeError(const PartialShape& from, const Ints& to) {
  return MakeError(ErrorCode::kShape, "cannot reshape ", from.ToString(), " to ", PartialShape(to).ToString(),
                   ": the numbers of elements differ");
}

int64_t NonzeroProduct(absl::Span<const int64_t> dims) {
  int64_t product = 1;
  for (int64_t d : dims) product *= d == 0 ? 1 : d;
  return product;
}

// Gives the axis of size -1 in `to`, if there is one, its size.
Status ResolveReshape(const PartialShape& from, Ints* to) {
  int free_axis = -1;
  for (int i = 0; i < static_cast<int>(to->size()); ++i) {
    const int64_t size = (*to)[i];
    if (size < -1) return MakeError(ErrorCode::kShape, "size ", size, " of axis ", i, " is negative");
    if (size != -1) continue;
    if (free_axis >= 0) {
      return MakeError(ErrorCode::kShape, "axes ", free_axis, " and ", i, " are both -1; only one may be");
    }
    free_axis = i;
  }
  Ints known;
  for (int64_t size : *to) {
    if (size >= 0) known.push_back(size);
  }
  MOULIN_ASSIGN_OR_RETURN(const Shape checked, Shape::Make(known));
  const int64_t wanted = checked.num_elements();
  const int64_t have = KnownElements(from);
  if (have < 0) return absl::OkStatus();
  if (free_axis < 0) return wanted == have ? absl::OkStatus() : ReshapeError(from, *to);
  if (wanted == 0) {
    // As in TensorFlow: zeros are left out on both sides, so [0,6] to [0,-1,2] gives [0,3,2].
    if (have != 0) return ReshapeError(from, *to);
    if (!from.IsFullyKnown()) return absl::OkStatus();
    (*to)[free_axis] = NonzeroProduct(from.dims()) / NonzeroProduct(known);
    return absl::OkStatus();
  }
  if (have % wanted != 0) return ReshapeError(from, *to);
  (*to)[free_axis] = have / wanted;
  return absl::OkStatus();
}

Status InferReshape(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(std::optional<Ints> shape, KnownInts(c, 1));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the shape of Reshape"));
  if (!shape) {
    const int64_t rank = KnownElements(c.shape(1));
    if (rank > 254) return MakeError(ErrorCode::kLimit, "rank ", rank, " is above the limit of 254");
    c.Add(c.dtype(0), rank < 0 ? PartialShape() : PartialShape::OfRank(static_cast<int>(rank)));
    return absl::OkStatus();
  }
  MOULIN_RETURN_IF_ERROR(ResolveReshape(c.shape(0), &*shape));
  return AddOutput(c, c.dtype(0), PartialShape(*shape));
}

Status InferSqueeze(InferContext& c) {
  const PartialShape& x = c.shape(0);
  const std::vector<int64_t>& axes = c.attr<SqueezeAttrs>().axes;
  if (!x.has_rank()) {
    c.Add(c.dtype(0), PartialShape());
    return absl::OkStatus();
  }
  std::vector<bool> drop(x.rank(), false);
  for (int64_t axis : axes) {
    MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis, x.rank()));
    if (x.dim(a) >= 0 && x.dim(a) != 1) {
      return MakeError(ErrorCode::kShape, "cannot squeeze axis ", axis, " of ", x.ToString(), ": expected size 1, got ",
                       x.dim(a));
    }
    drop[a] = true;
  }
  PartialShape out = PartialShape::OfRank(0);
  for (int i = 0; i < x.rank(); ++i) {
    if (axes.empty() && x.dim(i) < 0) {  // may or may not be 1: even the rank is open
      c.Add(c.dtype(0), PartialShape());
      return absl::OkStatus();
    }
    if (!(axes.empty() ? x.dim(i) == 1 : drop[i])) out.push_back(x.dim(i));
  }
  c.Add(c.dtype(0), out);
  return absl::OkStatus();
}

Status InferExpandDims(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis, KnownInt(c, 1, "the axis"));
  if (!x.has_rank() || !axis) {
    c.Add(c.dtype(0), x.has_rank() ? PartialShape::OfRank(x.rank() + 1) : PartialShape());
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(*axis, x.rank() + 1));
  Shape::Dims dims(x.dims().begin(), x.dims().end());
  dims.insert(dims.begin() + a, 1);
  return AddOutput(c, c.dtype(0), PartialShape(absl::MakeConstSpan(dims)));
}

Status InferBitcast(InferContext& c) {
  const DType to = c.attr<BitcastAttrs>().type;
  const int64_t from_size = static_cast<int64_t>(SizeOf(c.dtype(0)));
  const int64_t to_size = static_cast<int64_t>(SizeOf(to));
  if (from_size == 0 || to_size == 0) {
    return MakeError(ErrorCode::kDType, "cannot bitcast ", ShortName(c.dtype(0)), " to ", ShortName(to));
  }
  PartialShape out = c.shape(0);
  if (!out.has_rank() || from_size == to_size) {
    c.Add(to, out);
    return absl::OkStatus();
  }
  if (from_size > to_size) {
    out.push_back(from_size / to_size);
    return AddOutput(c, to, out);
  }
  const int64_t ratio = to_size / from_size;
  const int last = out.rank() - 1;
  if (last < 0 || (out.dim(last) >= 0 && out.dim(last) != ratio)) {
    return MakeError(ErrorCode::kShape, "cannot bitcast ", ShortName(c.dtype(0)), out.ToString(), " to ", ShortName(to),
                     ": the innermost size must be ", ratio);
  }
  c.Add(to, PartialShape(out.dims().subspan(0, last)));
  return absl::OkStatus();
}

constexpr OpDef kViewOps[] = {
    {OpKind::kReshape, 2, 2, InferReshape, View<InferReshape>, Input(1)},
    {OpKind::kSqueeze, 1, 1, InferSqueeze, View<InferSqueeze>},
    {OpKind::kExpandDims, 2, 2, InferExpandDims, View<InferExpandDims>, Input(1)},
    {OpKind::kBitcast, 1, 1, InferBitcast, View<InferBitcast>},
};

}  // namespace

absl::Span<const OpDef> ViewOps() { return kViewOps; }

}  // namespace moulin
