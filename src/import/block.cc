// Moving blocks of space to the batch or to the channels, and back.
#include "import/lowering.h"

namespace moulin {
namespace {

// SpaceToBatchND and BatchToSpaceND have the operands of the primitives.
template <OpKind kKind>
void LowerBatchNd(LoweringContext& c) {
  c.Output(c.b.Add(kKind, NoAttrs{}, c.inputs()));
}

bool ReadBlockSize(LoweringContext& c, int64_t* size) {
  *size = c.Int("block_size", 0);
  if (*size >= 2) return true;
  c.BadAttr("block_size", absl::StrCat("expected at least 2, got ", *size));
  return false;
}

// The older ops have square blocks over the two spatial axes of NHWC.
template <OpKind kKind>
void LowerBatch2d(LoweringContext& c) {
  int64_t size;
  if (!ReadBlockSize(c, &size)) return;
  c.Output(c.b.Add(kKind, NoAttrs{}, {c.input(0), c.b.Ints({size, size}), c.input(1)}));
}

template <OpKind kKind>
void LowerDepth(LoweringContext& c) {
  BlockAttrs attrs;
  if (!ReadBlockSize(c, &attrs.block)) return;
  const std::string format = c.String("data_format", "NHWC");
  if (format == "NCHW_VECT_C") {
    c.Unsupported("data_format NCHW_VECT_C");
  } else if (format != "NHWC" && format != "NCHW") {
    c.BadAttr("data_format", absl::StrCat("expected NHWC or NCHW, got \"", Printable(format), "\""));
  }
  attrs.channels_last = format == "NHWC";
  c.Output(c.b.Add(kKind, attrs, {c.input(0)}));
}

constexpr OpLowering kBlockLowerings[] = {
    {"BatchToSpace", 2, 2, LowerBatch2d<OpKind::kBatchToSpace>},
    {"BatchToSpaceND", 3, 3, LowerBatchNd<OpKind::kBatchToSpace>},
    {"DepthToSpace", 1, 1, LowerDepth<OpKind::kDepthToSpace>},
    {"SpaceToBatch", 2, 2, LowerBatch2d<OpKind::kSpaceToBatch>},
    {"SpaceToBatchND", 3, 3, LowerBatchNd<OpKind::kSpaceToBatch>},
    {"SpaceToDepth", 1, 1, LowerDepth<OpKind::kSpaceToDepth>},
};

}  // namespace

absl::Span<const OpLowering> BlockLowerings() { return kBlockLowerings; }

}  // namespace moulin
