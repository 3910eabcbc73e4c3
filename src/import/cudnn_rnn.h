// Lowerings of the recurrent networks of cuDNN.
#ifndef MOULIN_IMPORT_CUDNN_RNN_H_
#define MOULIN_IMPORT_CUDNN_RNN_H_

#include "absl/types/span.h"
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> CudnnRnnLowerings();

}  // namespace moulin

#endif  // MOULIN_IMPORT_CUDNN_RNN_H_
