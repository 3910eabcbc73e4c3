// A bundle of two models that answer at once: requests are submitted without waiting, and futures give the answers.
#include <cstdio>
#include <vector>

#include "moulin/engine.h"
#include "support.h"

int main() {
  const auto engine = sample::OrDie(moulin::Engine::Create());
  const moulin::Bundle bundle = sample::OrDie(engine->LoadBundle(sample::BundlePath()));
  const auto classifier = sample::OrDie(bundle.model("classifier"));
  const auto denoiser = sample::OrDie(bundle.model("denoiser"));
  const sample::Digits digits = sample::LoadDigits();

  std::vector<moulin::Future> answers, cleaned;
  for (int64_t i = 0; i < digits.count(); ++i) {
    const moulin::Tensor image = sample::Image(digits.noisy, i);
    answers.push_back(sample::OrDie(classifier->Submit({.inputs = {{"image", image}}})));
    cleaned.push_back(sample::OrDie(denoiser->Submit({.inputs = {{"image", image}}})));
  }

  int correct = 0;
  double error = 0;
  for (int64_t i = 0; i < digits.count(); ++i) {
    const moulin::NamedTensors answer = sample::OrDie(answers[i].Get());
    const moulin::NamedTensors clean = sample::OrDie(cleaned[i].Get());
    correct += sample::Answer(answer[0].second) == digits.labels.values<int32_t>()[i];
    error += sample::MeanSquaredError(clean[0].second, sample::Image(digits.clean, i));
  }
  const int count = static_cast<int>(digits.count());
  std::printf("with noise %d of %d digits are right; the denoiser leaves an error of %.4f of %.4f\n", correct, count,
              error / count, sample::MeanSquaredError(digits.noisy, digits.clean));
  sample::Check(correct >= count / 2, "noise leaves at least half of the digits right");
  sample::Check(error / count < 0.03, "the denoiser removes most of the noise");
}
