// What make_checkpoints.py puts into the checkpoints of all types, in either format.
#ifndef MOULIN_TESTS_FORMATS_STORED_TYPES_H_
#define MOULIN_TESTS_FORMATS_STORED_TYPES_H_

#include <string>
#include <vector>

#include "formats/tensor_store.h"
#include "gmock/gmock.h"

namespace moulin {

template <typename T>
std::vector<double> AsDoubles(const Tensor& tensor) {
  return {tensor.values<T>().begin(), tensor.values<T>().end()};
}

// The types that both formats hold.
inline void ExpectStoredTypes(TensorStore& store) {
  using ::testing::ElementsAre;
  const auto read = [&](const char* name) { return store.Read(name).value(); };
  const auto expected = ElementsAre(0, 1, 2, 100);
  EXPECT_THAT(AsDoubles<float>(read("float32")), expected);
  EXPECT_THAT(AsDoubles<double>(read("float64")), expected);
  EXPECT_THAT(AsDoubles<int8_t>(read("int8")), expected);
  EXPECT_THAT(AsDoubles<int16_t>(read("int16")), expected);
  EXPECT_THAT(AsDoubles<int32_t>(read("int32")), expected);
  EXPECT_THAT(AsDoubles<int64_t>(read("int64")), expected);
  EXPECT_THAT(AsDoubles<uint8_t>(read("uint8")), expected);
  EXPECT_THAT(read("float16").values<uint16_t>(), ElementsAre(0, 0x3c00, 0x4000, 0x5640));
  EXPECT_EQ(read("float16").dtype(), DType::kFloat16);
  EXPECT_EQ(read("complex64").shape(), Shape({4}));
  EXPECT_EQ(static_cast<const float*>(read("complex64").data())[6], 100);
  EXPECT_EQ(static_cast<const double*>(read("complex128").data())[6], 100);
  EXPECT_THAT(read("bool").values<bool>(), ElementsAre(true, false, true));
  EXPECT_THAT(read("quint8").values<uint8_t>(), ElementsAre(1, 2, 255));
  EXPECT_EQ(read("quint8").dtype(), DType::kQUInt8);
  EXPECT_EQ(read("string").shape(), Shape({2, 2}));
  EXPECT_THAT(read("string").strings(), ElementsAre("", "a", std::string("two\0words", 9), std::string(300, 'x')));
  EXPECT_EQ(read("empty").shape(), Shape({0, 3}));
}

}  // namespace moulin

#endif  // MOULIN_TESTS_FORMATS_STORED_TYPES_H_
