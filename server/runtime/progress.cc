#include "server/runtime/progress.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace warren::runtime {

std::string StartingReason(const Vitals& vitals, const StallReporter& stalls, const Stats& stats) {
  const std::string trouble = stalls.trouble();
  switch (vitals.phase()) {
    case Vitals::Phase::kOpening:
      if (trouble.empty() && stalls.standby()) return "";
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

std::string StandingBy(const Vitals& vitals, const StallReporter& stalls) {
  if (vitals.phase() != Vitals::Phase::kOpening) return "";
  const std::optional<Standby> standby = stalls.standby();
  if (!standby) return "";
  const std::string& address = standby->owner.address;
  return absl::StrCat(
      "standing by for ", standby->owner.name,
      address.empty() ? ", which doesn't say where it takes calls" : absl::StrCat(", at ", address),
      ", since ",
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromChrono(standby->since),
                       absl::UTCTimeZone()));
}

}  // namespace warren::runtime
