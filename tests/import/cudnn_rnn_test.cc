#include <cmath>

#include "import/one_op.h"

namespace moulin::testing {
namespace {

std::string Text(const std::string& value) { return absl::StrCat("s: \"", value, "\""); }

// One unit, one input: the weights are those of each gate for the input, those for the state, then the biases.
TEST(CudnnRnnTest, OneStepOfAGru) {
  OneOp op("CudnnRNN");
  op.Attr("rnn_mode", Text("gru"));
  op.Fed(Floats({1, 1, 1}, {0.5f})).Fed(Floats({1, 1, 1}, {-0.25f})).Fed(Floats({1, 1, 1}, {0}));
  op.Constant(Floats({12}, {1, 2, 3, 4, 5, 6, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}));
  const float reset = Sigmoid(0.5f + 0.1f - 1 + 0.4f), update = Sigmoid(1 + 0.2f - 1.25f + 0.5f);
  const float candidate = std::tanh(1.5f + 0.3f + reset * (-1.5f + 0.6f));
  const float h = (1 - update) * candidate + update * -0.25f;
  const auto y = op.Run();
  ExpectFloats(y, 0, {1, 1, 1}, {h});
  ExpectFloats(y, 1, {1, 1, 1}, {h});
}

TEST(CudnnRnnTest, TheSecondDirectionRunsFromTheEnd) {
  OneOp op("CudnnRNN");
  op.Attr("rnn_mode", Text("rnn_relu")).Attr("direction", Text("bidirectional"));
  op.Fed(Floats({3, 1, 1}, {1, 2, 4})).Fed(Floats({2, 1, 1}, {0, 0})).Fed(Floats({2, 1, 1}, {0, 0}));
  op.Constant(Floats({8}, {1, 1, 1, 1, 0, 0, 0, 0}));  // sums of what has come so far
  const auto y = op.Run();
  ExpectFloats(y, 0, {3, 1, 2}, {1, 7, 3, 6, 7, 4});
  ExpectFloats(y, 1, {2, 1, 1}, {7, 7});
}

TEST(CudnnRnnTest, RefusesWhatItDoesNotHave) {
  const auto error_of = [](const std::string& attr, const std::string& value) {
    OneOp op("CudnnRNN");
    op.Attr(attr, Text(value));
    op.Fed(Floats({1, 1, 1}, {1})).Fed(Floats({1, 1, 1}, {0})).Fed(Floats({1, 1, 1}, {0}));
    op.Constant(Floats({16}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    return op.Run().status().ToString();
  };
  EXPECT_THAT(error_of("input_mode", "skip_input"), ::testing::HasSubstr("E_UNSUPPORTED"));
  EXPECT_THAT(error_of("rnn_mode", "tree"), ::testing::HasSubstr("E_ATTR"));
}

TEST(CudnnRnnTest, WeightsThatAreTooFewAreAnError) {
  OneOp op("CudnnRNN");
  op.Fed(Floats({1, 1, 1}, {1})).Fed(Floats({1, 1, 1}, {0})).Fed(Floats({1, 1, 1}, {0}));
  op.Constant(Floats({3}, {1, 2, 3}));
  EXPECT_FALSE(op.Run().ok());
}

}  // namespace
}  // namespace moulin::testing
