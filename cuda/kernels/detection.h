// Greedy non-maximum suppression, hard and soft.
#ifndef MOULIN_CUDA_KERNELS_DETECTION_H_
#define MOULIN_CUDA_KERNELS_DETECTION_H_

#include <cstdint>

#include "cuda/kernels/to_float.h"
#include "cuda/runtime/device_function.h"

namespace moulin::cuda {

struct SuppressionParameters {
  int64_t num_boxes = 0;  // below 2^31
  int64_t max_size = 0;
  // [overlap threshold, score threshold, sigma] where they are known only on the device; else null, and the three
  // below.
  const float* thresholds = nullptr;
  float overlap_threshold = 0.5f;
  float score_threshold = 0;
  float sigma = 0;                           // of soft suppression; 0 for hard
  RealType score_type = RealType::kFloat32;  // in which scores are stored
};

struct SuppressionOutputs {
  int32_t* indices = nullptr;  // [max_size], zeros behind those selected
  void* scores = nullptr;      // [max_size] of score_type, the same; null: not wanted
  int32_t* count = nullptr;    // null: not wanted
};

inline constexpr int kMaxSuppressionThreads = 1024;

// One block, a power of two of threads from 32 to kMaxSuppressionThreads: (boxes [num_boxes, 4], scores, num_boxes
// floats and num_boxes integers of workspace, parameters, outputs). The scores are not changed.
DeviceFunction<const float*, const float*, float*, int32_t*, SuppressionParameters, SuppressionOutputs>
SuppressFunction();

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_DETECTION_H_
