#include "server/runtime/progress.h"

#include "absl/strings/str_cat.h"

namespace warren::runtime {

std::string StartingReason(const Vitals& vitals, const StallReporter& stalls, const Stats& stats) {
  const std::string trouble = stalls.trouble();
  switch (vitals.phase()) {
    case Vitals::Phase::kOpening:
      return trouble.empty() ? "starting: the store is being opened"
                             : absl::StrCat("starting: the store can't be opened yet: ", trouble);
    case Vitals::Phase::kRecovering:
      return trouble.empty()
                 ? absl::StrCat("starting: recovering from the store, ",
                                stats.recovered_messages.value(), " messages so far")
                 : absl::StrCat("starting: recovery waits for the store: ", trouble);
    case Vitals::Phase::kServing:
    case Vitals::Phase::kStopped:
      return "";
  }
  return "";
}

}  // namespace warren::runtime
