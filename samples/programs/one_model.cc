// One model, one request after another: the simplest use of the library.
#include <cstdio>

#include "moulin/engine.h"
#include "support.h"

int main() {
  const auto engine = sample::OrDie(moulin::Engine::Create());
  const auto model = sample::OrDie(engine->Load(sample::ModelPath("digit_classifier.pb")));
  const sample::Digits digits = sample::LoadDigits();

  // All test images as one batch: the model leaves the size of the first axis open.
  const moulin::NamedTensors outputs = sample::OrDie(model->Run({{"image", digits.clean}}));
  const moulin::Tensor& probabilities = *moulin::FindTensor(outputs, "probabilities");

  int correct = 0;
  for (int64_t i = 0; i < digits.count(); ++i) {
    correct += sample::Answer(probabilities, i) == digits.labels.values<int32_t>()[i];
  }
  std::printf("%s: %d of %d digits right\n", engine->device_description().c_str(), correct,
              static_cast<int>(digits.count()));
  sample::Check(correct >= 350, "at least 350 digits are right");
}
