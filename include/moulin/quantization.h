// What int8 needs to know: the ranges of activations, and how much accuracy may be lost.
#ifndef MOULIN_QUANTIZATION_H_
#define MOULIN_QUANTIZATION_H_

#include <string>
#include <vector>

#include "moulin/request.h"
#include "moulin/status.h"

namespace moulin {

// The elements of a tensor of the TensorFlow graph lie in [min, max]; others are clamped to it.
struct TensorRange {
  std::string tensor;  // "conv1/Relu:0"
  float min = 0;
  float max = 0;
};

// For Precision::kInt8 and kInt8Float16.
struct Quantization {
  // What Engine::Calibrate or `moulin calibrate` found. The ranges of the graph's own FakeQuant nodes of up to 8 bits
  // are known without it, and go before. A convolution or product whose activation has no range is not quantised; where
  // no range is known at all, loading fails (E_OPTION).
  std::vector<TensorRange> ranges;
  // Inputs on which the model is run when it is loaded, in int8 and in float32. Loading fails with E_ACCURACY
  // (FAILED_PRECONDITION) where an output is further from float32's than `max_error`. Without `ranges` these are
  // measured on the examples first.
  std::vector<NamedTensors> examples;
  // Of a floating output, |int8 - float32| / |float32| by Euclidean norms; of others, the part of elements that differ.
  // Rounding to 8 bits adds about 1.5 % in each layer (docs/gpu.md), and errors of independent layers add up by
  // squares: 0.1 allows some fifty of them.
  double max_error = 0.1;
};

// Reads and writes ranges as JSON: {"ranges": [{"tensor": "conv1/Relu:0", "min": 0, "max": 5.5}, ...]}. NOT_FOUND
// (E_FILE), DATA_LOSS (E_PARSE) or INVALID_ARGUMENT (E_LIMIT; E_DUP for a tensor given twice; E_VALUE for ends that are
// not finite, or a min above max), naming the file and the tensor.
StatusOr<std::vector<TensorRange>> LoadRanges(const std::string& path);
Status SaveRanges(const std::string& path, const std::vector<TensorRange>& ranges);

}  // namespace moulin

#endif  // MOULIN_QUANTIZATION_H_
