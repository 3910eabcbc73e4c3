// Serialised tf.Example and tf.SequenceExample messages, read in place: names and values are views of the bytes.
#ifndef MOULIN_OPS_EXAMPLE_MESSAGE_H_
#define MOULIN_OPS_EXAMPLE_MESSAGE_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "moulin/tensor.h"

namespace moulin {

// The values of one feature; of type kInvalid where it holds none of the three lists.
struct Feature {
  DType type = DType::kInvalid;
  std::vector<absl::string_view> strings;
  std::vector<float> floats;
  std::vector<int64_t> ints;

  int64_t size() const {
    return static_cast<int64_t>(type == DType::kString    ? strings.size()
                                : type == DType::kFloat32 ? floats.size()
                                                          : ints.size());
  }
};

// The serialised features, or lists of features, of one message by name; the last of several counts.
using NamedBytes = absl::flat_hash_map<absl::string_view, absl::string_view>;

// All give false where the bytes are malformed.
bool ReadExample(absl::string_view bytes, NamedBytes* features);
bool ReadSequenceExample(absl::string_view bytes, NamedBytes* context, NamedBytes* lists);
bool ReadFeature(absl::string_view bytes, Feature* feature);
bool ReadFeatureList(absl::string_view bytes, std::vector<Feature>* steps);

// Whether features may hold values of the type: float32, int64 or string.
bool IsFeatureType(DType type);
// Copies the values of a feature to elements [at, at + size) of a tensor.
void WriteFeature(const Feature& feature, Tensor& out, int64_t at);

}  // namespace moulin

#endif  // MOULIN_OPS_EXAMPLE_MESSAGE_H_
