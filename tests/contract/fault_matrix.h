// How much of the fault matrix (docs/testing.md) a run covers: a sample that fits into `make test`,
// or that many cases of each loop as WARREN_FAULT_MATRIX says, or every one if that is "all".
#pragma once

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "tests/contract/records.h"

namespace warren::storage {

// `sample` unless something else is asked for.
inline uint64_t SampleSize(uint64_t sample, uint64_t all) {
  const char* const asked = std::getenv("WARREN_FAULT_MATRIX");
  if (asked == nullptr) return sample;
  return std::string(asked) == "all" ? all : std::strtoull(asked, nullptr, 10);
}

// Picks about `sample` of `all` cases, from a seed.
class Sample {
 public:
  Sample(uint64_t seed, uint64_t sample, uint64_t all)
      : random_(seed), sample_(sample), all_(all) {}
  bool Takes() { return sample_ >= all_ || random_() % all_ < sample_; }

 private:
  Random random_;
  const uint64_t sample_;
  const uint64_t all_;
};

// The same, with as many of each zone.
class SampleOfEach {
 public:
  SampleOfEach(uint64_t seed, uint64_t sample, const std::map<std::string, uint64_t>& all) {
    for (const auto& [zone, cases] : all) {
      const uint64_t size = SampleSize(sample, cases * all.size()) / all.size() + 1;
      samples_.emplace(zone, Sample(seed + samples_.size(), size, cases));
    }
  }
  bool Takes(const std::string& zone) { return samples_.at(zone).Takes(); }

 private:
  std::map<std::string, Sample> samples_;
};

// What is tried now: told if the process ends by a signal, as it does by an assertion of a library.
class TriedNow {
 public:
  explicit TriedNow(const std::string& what) {
    text() = what + "\n";
    std::signal(SIGABRT, &Tell);
    std::signal(SIGSEGV, &Tell);
  }

 private:
  static std::string& text() {
    static std::string text;
    return text;
  }
  static void Tell(int signal) {
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text().data(), text().size());
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
};

// One line in the test's output, for the table in docs/testing.md.
inline void ReportMatrix(const std::string& what, uint64_t tried, uint64_t all,
                         const std::string& outcomes) {
  std::cout << "fault matrix: " << what << ": " << tried << " of " << all << ": " << outcomes
            << std::endl;
}

}  // namespace warren::storage
