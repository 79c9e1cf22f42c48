// Counts what a journal tells, and acts as the world that mends the trouble meanwhile.
// Thread-compatible: all on the thread that is inside the journal.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "storage/journal.h"

namespace warren::storage {

class Observer : public JournalObserver {
 public:
  // `on_stalled` hears how often there was a stall, this one included.
  explicit Observer(std::function<void(int stalls)> on_stalled = [](int) {})
      : on_stalled_(std::move(on_stalled)) {}
  void OnStalled(std::string_view reason) override {
    last_reason = std::string(reason);
    on_stalled_(++stalls);
  }
  void OnResumed() override { ++resumes; }

  int stalls = 0;
  int resumes = 0;
  std::string last_reason;

 private:
  const std::function<void(int)> on_stalled_;
};

}  // namespace warren::storage
