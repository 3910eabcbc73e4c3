// Lowers one TensorFlow node and runs what it became on the reference kernels.
#ifndef MOULIN_TESTS_IMPORT_ONE_OP_H_
#define MOULIN_TESTS_IMPORT_ONE_OP_H_

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "import/lowering.h"
#include "support/run_graph.h"

namespace moulin::testing {

inline float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

// OneOp("MatMul").Fed(a).Constant(b).Attr("transpose_a", "b: true").Run() gives the outputs.
class OneOp {
 public:
  explicit OneOp(const std::string& op) {
    node_.set_name("node");
    node_.set_op(op);
    builder_.SetOrigin("node", op);
  }

  // An input of the graph, of the tensor's type; of unknown sizes after `AllUnknown`.
  OneOp& Fed(const Tensor& t) {
    const PartialShape shape = all_unknown_ ? PartialShape::OfRank(t.shape().rank()) : PartialShape(t.shape());
    inputs_.push_back(graph_.AddInput(absl::StrCat("x", fed_.size()), {t.dtype(), shape}));
    fed_.push_back(t);
    return *this;
  }
  OneOp& Constant(Tensor t) {
    inputs_.push_back(graph_.AddConstant(std::move(t)));
    return *this;
  }
  OneOp& AllUnknown() {
    all_unknown_ = true;
    return *this;
  }
  // An attribute with its value as text: Attr("strides", "list { i: [1, 2, 2, 1] }").
  OneOp& Attr(const std::string& name, const std::string& value) {
    tf::AttrValue& attr = (*node_.mutable_attr())[name];
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(value, &attr)) << name << ": " << value;
    return *this;
  }

  StatusOr<std::vector<Tensor>> Run() {
    const OpLowering* row = FindLowering(node_.op());
    if (row == nullptr) return absl::NotFoundError(absl::StrCat("no lowering of ", node_.op()));
    LoweringContext context(node_, inputs_, &builder_);
    row->lower(context);
    range_ = context.range();
    MOULIN_RETURN_IF_ERROR(builder_.status());
    for (const ValueId output : context.outputs()) {
      if (output != kNoId) graph_.AddOutput(absl::StrCat("y", output), output);
    }
    MOULIN_RETURN_IF_ERROR(VerifyGraph(graph_));
    return RunGraph(graph_, fed_);
  }
  // What the lowering said of output 0.
  const std::optional<ValueRange>& range() const { return range_; }

 private:
  tf::NodeDef node_;
  Graph graph_;
  GraphBuilder builder_{&graph_, Limits()};
  std::vector<ValueId> inputs_;
  std::vector<Tensor> fed_;
  std::optional<ValueRange> range_;
  bool all_unknown_ = false;
};

inline Tensor Floats(const Shape& shape, std::initializer_list<float> values) {
  return Tensor::Of<float>(shape, values);
}
inline Tensor Int32s(const Shape& shape, std::initializer_list<int32_t> values) {
  return Tensor::Of<int32_t>(shape, values);
}

// Expects output `i` to be f32 of this shape with these elements.
inline void ExpectFloats(const StatusOr<std::vector<Tensor>>& outputs, int i, const Shape& shape,
                         const std::vector<float>& elements, float tolerance = 1e-5f) {
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_GT(outputs->size(), static_cast<size_t>(i));
  const Tensor& y = (*outputs)[i];
  ASSERT_EQ(y.dtype(), DType::kFloat32);
  EXPECT_EQ(y.shape(), shape) << y.shape().ToString();
  EXPECT_THAT(y.values<float>(), ::testing::Pointwise(::testing::FloatNear(tolerance), elements));
}

template <typename T>
void ExpectElements(const StatusOr<std::vector<Tensor>>& outputs, int i, const Shape& shape,
                    const std::vector<T>& elements) {
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_GT(outputs->size(), static_cast<size_t>(i));
  const Tensor& y = (*outputs)[i];
  ASSERT_EQ(y.dtype(), DTypeOf<T>::value);
  EXPECT_EQ(y.shape(), shape) << y.shape().ToString();
  EXPECT_THAT(y.values<T>(), ::testing::ElementsAreArray(elements));
}

// Expects a failure whose message starts with `code` and holds `text`.
inline void ExpectError(const StatusOr<std::vector<Tensor>>& outputs, const std::string& code,
                        const std::string& text) {
  ASSERT_FALSE(outputs.ok()) << "expected " << code;
  EXPECT_TRUE(absl::StartsWith(outputs.status().message(), code)) << outputs.status();
  EXPECT_THAT(std::string(outputs.status().message()), ::testing::HasSubstr(text));
}

}  // namespace moulin::testing

#endif  // MOULIN_TESTS_IMPORT_ONE_OP_H_
