// The list of op families, and the lookup of one op among them.
#include <algorithm>

#include "import/cudnn_rnn.h"
#include "import/gradient.h"
#include "import/kept.h"
#include "import/lowering.h"
#include "import/quantized_fused.h"
#include "import/quantized_kernels.h"
#include "import/sparse.h"
#include "import/update.h"
#include "ops/host_op.h"

namespace moulin {
namespace {

using Family = absl::Span<const OpLowering> (*)();

constexpr Family kFamilies[] = {
    ActivationLowerings,
    ArrayLowerings,
    BlockLowerings,
    ConvolutionLowerings,
    DetectionLowerings,
    ElementwiseLowerings,
    ImageLowerings,
    IndexingLowerings,
    LinearAlgebraLowerings,
    MatmulLowerings,
    MatrixLowerings,
    MiscLowerings,
    NormalizationLowerings,
    PoolingLowerings,
    QuantizationLowerings,
    RecurrentLowerings,
    ReductionLowerings,
    ShapeLowerings,
    SliceLowerings,
    SparseLowerings,
    LookupLowerings,
    TensorListLowerings,
    QuantizedKernelLowerings,
    QuantizedFusedLowerings,
    QuantizedArithmeticLowerings,
    UpdateLowerings,
    GradientLowerings,
    CudnnRnnLowerings,
    ConvGradientLowerings,
    PoolGradientLowerings,
    ResizeGradientLowerings,
    ReductionGradientLowerings,
};

bool NameLess(const OpLowering* a, const OpLowering* b) { return absl::string_view(a->op) < absl::string_view(b->op); }

// The families' rows; an op that none of them lowers is kept where the host has a kernel for it.
std::vector<const OpLowering*> CollectRows() {
  std::vector<const OpLowering*> lowered;
  for (const Family family : kFamilies) {
    for (const OpLowering& row : family()) lowered.push_back(&row);
  }
  std::sort(lowered.begin(), lowered.end(), NameLess);
  std::vector<const OpLowering*> rows = lowered;
  static const auto* kept = new std::vector<OpLowering>(KeptLowerings());
  for (const OpLowering& row : *kept) {
    if (!std::binary_search(lowered.begin(), lowered.end(), &row, NameLess)) rows.push_back(&row);
  }
  std::sort(rows.begin(), rows.end(), NameLess);
  return rows;
}

const std::vector<const OpLowering*>& Rows() {
  static const auto* rows = new std::vector<const OpLowering*>(CollectRows());
  return *rows;
}

}  // namespace

const OpLowering* FindLowering(absl::string_view op) {
  const auto& rows = Rows();
  const auto it = std::lower_bound(rows.begin(), rows.end(), op, [](const OpLowering* row, absl::string_view name) {
    return absl::string_view(row->op) < name;
  });
  return it != rows.end() && op == (*it)->op ? *it : nullptr;
}

bool RunsOnHost(absl::string_view op) { return FindHostOp(op) != nullptr; }

std::vector<const OpLowering*> AllLowerings() { return Rows(); }

}  // namespace moulin
