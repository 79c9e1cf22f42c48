#include "server/metrics/snapshot.h"

#include <chrono>
#include <cstddef>

#include "server/runtime/clock.h"
#include "server/runtime/flow_control.h"

namespace warren::metrics {
namespace {

// For each question; a scrape waits no longer than Prometheus does.
constexpr std::chrono::seconds kPatience{2};

// The loop is held up by so many queues at a time: a fraction of a millisecond.
constexpr size_t kQueuesAtATime = 2'048;

}  // namespace

std::optional<Snapshot> TakeSnapshot(runtime::Vitals& vitals) {
  Snapshot snapshot;
  const bool answered = vitals.Ask(
      [&](const runtime::Insight& now) {
        snapshot.usage = now.broker.usage();
        snapshot.held = now.flow.held();
        snapshot.held_ms = now.flow.held_ms(runtime::NowMs());
        snapshot.memory_alarm = now.flow.memory_full();
        snapshot.disk_alarm = now.flow.disk_low();
        snapshot.storage_alarm = !now.flow.StorageTrouble().empty();
      },
      kPatience);
  if (!answered) return std::nullopt;
  while (!snapshot.survey.done) {
    const auto survey = [&](const runtime::Insight& now) {
      now.broker.Survey(snapshot.survey, kQueuesAtATime);
    };
    if (!vitals.Ask(survey, kPatience)) return std::nullopt;
  }
  snapshot.surveyed_at_ms = runtime::NowMs();
  return snapshot;
}

}  // namespace warren::metrics
