#include "ops/op_def.h"
namespace moulin {
absl::Span<const OpDef> ConvOps() { return {}; }
absl::Span<const OpDef> PoolOps() { return {}; }
absl::Span<const OpDef> ImageOps() { return {}; }
absl::Span<const OpDef> DetectionOps() { return {}; }
absl::Span<const OpDef> BlockOps() { return {}; }
absl::Span<const OpDef> HostOps() { return {}; }
}
