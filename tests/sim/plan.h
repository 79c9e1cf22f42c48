// What a run does, decided from its seed before it begins: a list of actions that make sense in
// any state, so that a shorter list is a run as well. That is what makes a failure shrinkable.
// Value types; thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace warren::sim {

enum class Action : uint8_t {
  // Clients
  kPublish,
  kOpenPublisher,
  kBreakPublisher,
  kSubscribe,
  kSettle,
  kSettleByCall,
  kCloseConsumer,
  kSetPrefetch,
  kDrainConsumer,
  kCommit,
  kGet,
  // Topology
  kDeclareQueue,
  kDeleteQueue,
  kPurgeQueue,
  kBind,
  kUnbind,
  kDeclareExchange,
  kDeleteExchange,
  // Operators
  kMoveMessages,
  kCancelScheduled,
  kChangePolicy,
  // The other virtual host
  kSecondHost,
  // Clock
  kPassTime,
  kPassTimeLate,  // the broker isn't told until it is over
  // Journal
  kTakeBatch,
  kCommitBatch,
  kReport,
  kReportAgain,
  kCrash,
  kBeginStop,
  kFinishStop,
  kCheckPrefix,
  // Spill
  kMovePages,
  kReportPages,
};
inline constexpr size_t kActions = static_cast<size_t>(Action::kReportPages) + 1;

const char* NameOf(Action action);

// `seed` decides all that is random within the step.
struct PlannedStep {
  Action action;
  uint64_t seed;
};
using Plan = std::vector<PlannedStep>;

// Each seed leaves some actions out and does others more often: a run that never crashes, or never
// settles, sees what a balanced one doesn't (swarm testing, Groce et al. 2012).
Plan MakePlan(uint64_t seed, size_t steps);

}  // namespace warren::sim
