// Many small requests of one model: those that wait run together, as one batch, and each gets its own answer.
#include <cstdio>
#include <vector>

#include "moulin/engine.h"
#include "support.h"

int main() {
  const auto engine = sample::OrDie(moulin::Engine::Create());
  moulin::ModelOptions options;
  options.batch_rows = 64;  // a digit is recognised by itself, whatever others are beside it
  const auto model = sample::OrDie(engine->Load(sample::ModelPath("digit_classifier.pb"), options));
  const sample::Digits digits = sample::LoadDigits();

  std::vector<moulin::Future> answers;
  for (int64_t i = 0; i < digits.count(); ++i) {
    answers.push_back(sample::OrDie(model->Submit({.inputs = {{"image", sample::Image(digits.clean, i)}}})));
  }
  int correct = 0;
  for (int64_t i = 0; i < digits.count(); ++i) {
    const moulin::NamedTensors answer = sample::OrDie(answers[i].Get());
    correct += sample::Answer(answer[0].second) == digits.labels.values<int32_t>()[i];
  }
  const moulin::ModelStats stats = model->stats();
  std::printf("%d of %d digits right; %d requests ran together in %d runs\n", correct, static_cast<int>(digits.count()),
              static_cast<int>(stats.joined), static_cast<int>(stats.batches));
  sample::Check(correct >= 350, "at least 350 digits are right");
}
