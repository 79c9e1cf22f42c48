#include "server/metrics/health.h"

#include <chrono>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/runtime/flow_control.h"
#include "server/runtime/progress.h"
#include "server/runtime/shutdown.h"

namespace warren::metrics {
namespace {

using Phase = runtime::Vitals::Phase;

// What a prober waits for, and far above what a busy loop takes between two completions.
constexpr std::chrono::milliseconds kPatience{2'000};

constexpr char kStuck[] = "the loop has not answered for 2 s: it is stuck, or the machine is";

Page Ok(const std::string& what) { return {.status = 200, .body = what + "\n"}; }
Page Unavailable(const std::string& why) { return {.status = 503, .body = why + "\n"}; }

}  // namespace

Page Health::Live() {
  if (vitals_.phase() != Phase::kServing) return Ok("alive");
  const bool answers = vitals_.Ask([](const runtime::Insight&) {}, kPatience);
  // It may have come to its end meanwhile.
  if (answers || vitals_.phase() != Phase::kServing) return Ok("alive");
  return Unavailable(kStuck);
}

Page Health::Started() {
  const std::string starting = runtime::StartingReason(vitals_, stalls_, stats_);
  if (!starting.empty()) return Unavailable(starting);
  const std::string standing_by = runtime::StandingBy(vitals_, stalls_);
  return Ok(standing_by.empty() ? "started" : standing_by);
}

Page Health::Ready() {
  const std::string starting = runtime::StartingReason(vitals_, stalls_, stats_);
  if (!starting.empty()) return Unavailable(starting);
  const std::string standing_by = runtime::StandingBy(vitals_, stalls_);
  if (!standing_by.empty()) return Ok(standing_by);
  std::string reasons;
  const auto look = [&](const runtime::Insight& now) {
    if (now.shutdown.failed()) {
      reasons = absl::StrCat("stopping: ", now.shutdown.failure().message(), "\n");
    } else if (!now.shutdown.stopping().ok()) {
      reasons = "stopping: the broker drains\n";
    }
    if (const std::string trouble = now.flow.StorageTrouble(); !trouble.empty()) {
      absl::StrAppend(&reasons, "store: ", trouble, "\n");
    }
  };
  if (!vitals_.Ask(look, kPatience)) {
    return Unavailable(vitals_.phase() == Phase::kServing ? kStuck : "stopping: the broker ends");
  }
  if (reasons.empty()) return Ok("ready");
  reasons.pop_back();
  return Unavailable(reasons);
}

}  // namespace warren::metrics
