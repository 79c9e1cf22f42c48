// A short life of a store, the same each time: opened, filled and closed again and again; and what
// must be true of it whatever happens to what it stands on. The loops of the fault matrix
// (docs/testing.md) have one such life for each fault.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "storage/journal.h"
#include "tests/contract/records.h"

namespace warren::storage {

// The batches of a life, and the states between them: states[i] is what the first i add up to.
struct Script {
  // Each batch has a bulky message, besides what the history has.
  Script(uint64_t seed, size_t batches, size_t body_bytes);

  std::vector<Batch> batches;
  std::vector<std::vector<Record>> states;
};

struct LifeOptions {
  std::function<absl::StatusOr<std::unique_ptr<Journal>>()> open;
  // Mends what is broken, as a person would whom the error has told.
  std::function<void()> mend;
  // What every error has to name.
  std::string where;
  size_t batches_per_start = 5;
  // Hears how many batches are acknowledged.
  std::function<void(size_t)> acknowledged = [](size_t) {};
};

class JournalLife {
 public:
  JournalLife(const Script& script, LifeOptions options)
      : script_(script), options_(std::move(options)) {}

  // All of it. An error that ends the broker is met by mending, and starting the broker again.
  // Fails if anything that was acknowledged is missing, a batch is there in part, an error isn't
  // clear, or the store is of no use after it was mended.
  ::testing::AssertionResult Run();

  // Errors that ended the broker, at its start or later, by their codes.
  const std::map<std::string, int>& endings() const { return endings_; }
  // The last of them.
  const absl::Status& last_ending() const { return last_ending_; }
  // Those of Append alone.
  int append_endings() const { return append_endings_; }

  // Whether `recovered` is what `acknowledged` batches add up to, or one more: `batches`.
  static ::testing::AssertionResult HoldsAcknowledged(const Script& script, size_t acknowledged,
                                                      const std::vector<Record>& recovered,
                                                      size_t& batches);

 private:
  // A journal that has recovered what it must.
  ::testing::AssertionResult Start(std::unique_ptr<Journal>& journal);
  ::testing::AssertionResult Ended(const absl::Status& status);

  const Script& script_;
  const LifeOptions options_;
  size_t acknowledged_ = 0;
  std::map<std::string, int> endings_;
  absl::Status last_ending_;
  int append_endings_ = 0;
};

}  // namespace warren::storage
