// What samples/quickstart.sh shows: two bundled models that answer at once, how much that gains over one after another,
// and how far the results lie from the reference.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "moulin/engine.h"
#include "support.h"

namespace {

using Clock = std::chrono::steady_clock;
using moulin::Future;
using moulin::Model;
using moulin::NamedTensors;
using moulin::Tensor;

struct Models {
  std::shared_ptr<Model> classifier;
  std::shared_ptr<Model> denoiser;
};

struct Results {
  std::vector<Tensor> probabilities;  // [1,10] each
  std::vector<Tensor> cleaned;        // [1,8,8,1] each
  double seconds = 0;
  double throughput() const { return 2 * static_cast<double>(cleaned.size()) / seconds; }
};

Models Load(moulin::Engine& engine) {
  const moulin::Bundle bundle = sample::OrDie(engine.LoadBundle(sample::BundlePath()));
  return {sample::OrDie(bundle.model("classifier")), sample::OrDie(bundle.model("denoiser"))};
}

// The classifier sees the clean image, the denoiser the noisy one.
NamedTensors ClassifierInput(const sample::Digits& d, int64_t i) { return {{"image", sample::Image(d.clean, i)}}; }
NamedTensors DenoiserInput(const sample::Digits& d, int64_t i) { return {{"image", sample::Image(d.noisy, i)}}; }

Results RunOneAfterAnother(const Models& models, const sample::Digits& digits) {
  Results results;
  const Clock::time_point start = Clock::now();
  for (int64_t i = 0; i < digits.count(); ++i) {
    results.probabilities.push_back(sample::OrDie(models.classifier->Run(ClassifierInput(digits, i)))[0].second);
    results.cleaned.push_back(sample::OrDie(models.denoiser->Run(DenoiserInput(digits, i)))[0].second);
  }
  results.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return results;
}

Results RunAtOnce(const Models& models, const sample::Digits& digits) {
  Results results;
  const Clock::time_point start = Clock::now();
  std::vector<Future> answers, cleaned;
  for (int64_t i = 0; i < digits.count(); ++i) {
    answers.push_back(sample::OrDie(models.classifier->Submit({.inputs = ClassifierInput(digits, i)})));
    cleaned.push_back(sample::OrDie(models.denoiser->Submit({.inputs = DenoiserInput(digits, i)})));
  }
  for (const Future& f : answers) results.probabilities.push_back(sample::OrDie(f.Get())[0].second);
  for (const Future& f : cleaned) results.cleaned.push_back(sample::OrDie(f.Get())[0].second);
  results.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return results;
}

double GreatestDifference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double greatest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (int64_t k = 0; k < a[i].num_elements(); ++k) {
      greatest = std::max<double>(greatest, std::fabs(a[i].values<float>()[k] - b[i].values<float>()[k]));
    }
  }
  return greatest;
}

double GreatestDifference(const Results& a, const Results& b) {
  return std::max(GreatestDifference(a.probabilities, b.probabilities), GreatestDifference(a.cleaned, b.cleaned));
}

void DrawRow(const Tensor& image, int row) {
  for (int column = 0; column < 8; ++column) {
    const float pixel = image.values<float>()[row * 8 + column];
    const char shade = " .:+*#@"[std::clamp(static_cast<int>(pixel * 7), 0, 6)];
    std::printf("%c%c", shade, shade);
  }
}

void ShowSome(const sample::Digits& digits, const Results& results) {
  std::printf("%-18s%-18s%s\n", "with noise", "denoised", "original");
  for (int64_t i = 0; i < 2; ++i) {
    for (int row = 0; row < 8; ++row) {
      DrawRow(sample::Image(digits.noisy, i), row);
      std::printf("  ");
      DrawRow(results.cleaned[i], row);
      std::printf("  ");
      DrawRow(sample::Image(digits.clean, i), row);
      std::printf("\n");
    }
    const int answer = sample::Answer(results.probabilities[i]);
    std::printf("classifier: %d with probability %.3f; label: %d\n\n", answer,
                results.probabilities[i].values<float>()[answer], digits.labels.values<int32_t>()[i]);
  }
}

void ShowAccuracy(const sample::Digits& digits, const Results& results) {
  int correct = 0;
  double after = 0;
  for (int64_t i = 0; i < digits.count(); ++i) {
    correct += sample::Answer(results.probabilities[i]) == digits.labels.values<int32_t>()[i];
    after += sample::MeanSquaredError(results.cleaned[i], sample::Image(digits.clean, i));
  }
  const int count = static_cast<int>(digits.count());
  std::printf("classifier: %d of %d test images right (%.1f %%)\n", correct, count, 100.0 * correct / count);
  std::printf("denoiser:   mean squared error %.4f with noise, %.4f denoised\n",
              sample::MeanSquaredError(digits.noisy, digits.clean), after / count);
  sample::Check(correct >= count * 95 / 100, "the classifier is right on 95 % of the images");
  sample::Check(after / count < 0.03, "the denoiser removes most of the noise");
}

}  // namespace

int main() {
  const auto engine = sample::OrDie(moulin::Engine::Create());
  std::printf("device: %s (%s)\n", engine->device().c_str(), engine->device_description().c_str());
  if (engine->device() != "cuda") std::printf("no GPU: %s\n", moulin::Engine::NoGpuReason().c_str());
  std::printf("\n");
  const Models models = Load(*engine);
  const sample::Digits digits = sample::LoadDigits();
  RunAtOnce(models, digits);  // plans and warms up

  // The best of a few alternating rounds each: short runs are at the mercy of whatever else the machine does.
  Results sync = RunOneAfterAnother(models, digits), async = RunAtOnce(models, digits);
  for (int round = 0; round < 4; ++round) {
    sync.seconds = std::min(sync.seconds, RunOneAfterAnother(models, digits).seconds);
    async.seconds = std::min(async.seconds, RunAtOnce(models, digits).seconds);
  }
  ShowSome(digits, async);
  ShowAccuracy(digits, async);

  std::printf("one after another, synchronously: %8.0f inferences/s\n", sync.throughput());
  std::printf("at once, asynchronously:          %8.0f inferences/s (%.2fx)\n", async.throughput(),
              async.throughput() / sync.throughput());
  sample::Check(GreatestDifference(sync, async) == 0, "asynchronous answers have the same bits as synchronous ones");

  const auto reference = sample::OrDie(moulin::Engine::Create({.device = "reference"}));
  const double difference = GreatestDifference(async, RunAtOnce(Load(*reference), digits));
  std::printf("greatest difference from the reference: %.2g\n", difference);
  sample::Check(difference < 1e-5, "results agree with the reference");
}
