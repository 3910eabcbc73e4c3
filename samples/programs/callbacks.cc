// Callbacks: each cleaned image is passed on to the classifier as soon as it is there, with nobody waiting between.
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "moulin/engine.h"
#include "support.h"

namespace {

// Counts results until all are there.
class Tally {
 public:
  explicit Tally(int expected) : missing_(expected) {}

  void Add(bool correct) {
    const std::lock_guard<std::mutex> lock(mutex_);
    correct_ += correct;
    if (--missing_ == 0) all_there_.notify_one();
  }

  int WaitForAll() {
    std::unique_lock<std::mutex> lock(mutex_);
    all_there_.wait(lock, [this] { return missing_ == 0; });
    return correct_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_there_;
  int missing_;
  int correct_ = 0;
};

}  // namespace

int main() {
  const auto engine = sample::OrDie(moulin::Engine::Create());
  const auto classifier = sample::OrDie(engine->Load(sample::ModelPath("digit_classifier.pb")));
  const auto denoiser = sample::OrDie(engine->Load(sample::ModelPath("digit_denoiser.pb")));
  const sample::Digits digits = sample::LoadDigits();
  Tally tally(static_cast<int>(digits.count()));

  for (int64_t i = 0; i < digits.count(); ++i) {
    const int label = digits.labels.values<int32_t>()[i];
    moulin::Request clean;
    clean.inputs = {{"image", sample::Image(digits.noisy, i)}};
    clean.callback = [&, label](const moulin::StatusOr<moulin::NamedTensors>& cleaned) {
      moulin::Request classify;
      classify.inputs = {{"image", sample::OrDie(cleaned)[0].second}};
      classify.callback = [&, label](const moulin::StatusOr<moulin::NamedTensors>& answer) {
        tally.Add(sample::Answer(sample::OrDie(answer)[0].second) == label);
      };
      sample::OrDie(classifier->Submit(std::move(classify)));
    };
    sample::OrDie(denoiser->Submit(std::move(clean)));
  }

  const int correct = tally.WaitForAll();
  std::printf("cleaned first, %d of %d noisy digits are right\n", correct, static_cast<int>(digits.count()));
  sample::Check(correct >= digits.count() * 7 / 10, "cleaned images are recognised");
}
