#include "tests/sim/plan.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "tests/sim/random.h"

namespace warren::sim {
namespace {

enum Concern : uint8_t { kClients, kTopology, kHosts, kClock, kJournal, kSpill, kConcerns };

struct Kind {
  Action action;
  const char* name;
  Concern concern;
  uint32_t weight;
  bool optional;  // a seed may leave it out
};

constexpr Kind kKinds[] = {
    {Action::kPublish, "publish", kClients, 300, false},
    {Action::kOpenPublisher, "open publisher", kClients, 15, false},
    {Action::kBreakPublisher, "break publisher", kClients, 6, true},
    {Action::kSubscribe, "subscribe", kClients, 45, true},
    {Action::kSettle, "settle", kClients, 230, true},
    {Action::kSettleByCall, "settle by call", kClients, 25, true},
    {Action::kCloseConsumer, "close consumer", kClients, 20, true},
    {Action::kSetPrefetch, "set prefetch", kClients, 10, true},
    {Action::kDrainConsumer, "drain consumer", kClients, 4, true},
    {Action::kCommit, "commit", kClients, 40, true},
    {Action::kGet, "get", kClients, 30, true},
    {Action::kDeclareQueue, "declare queue", kTopology, 10, true},
    {Action::kDeleteQueue, "delete queue", kTopology, 4, true},
    {Action::kPurgeQueue, "purge queue", kTopology, 3, true},
    {Action::kBind, "bind", kTopology, 8, true},
    {Action::kUnbind, "unbind", kTopology, 5, true},
    {Action::kDeclareExchange, "declare exchange", kTopology, 4, true},
    {Action::kDeleteExchange, "delete exchange", kTopology, 2, true},
    {Action::kMoveMessages, "move messages", kTopology, 8, true},
    {Action::kCancelScheduled, "cancel scheduled", kTopology, 4, true},
    {Action::kChangePolicy, "change policy", kTopology, 8, true},
    {Action::kSecondHost, "second host", kHosts, 120, true},
    {Action::kPassTime, "pass time", kClock, 70, false},
    {Action::kPassTimeLate, "pass time late", kClock, 30, true},
    {Action::kTakeBatch, "take batch", kJournal, 70, false},
    {Action::kCommitBatch, "commit batch", kJournal, 90, false},
    {Action::kReport, "report", kJournal, 80, false},
    {Action::kReportAgain, "report again", kJournal, 3, true},
    {Action::kCrash, "crash", kJournal, 6, true},
    {Action::kBeginStop, "begin stop", kJournal, 1, true},
    {Action::kFinishStop, "finish stop", kJournal, 3, false},
    {Action::kCheckPrefix, "check prefix", kJournal, 6, false},
    {Action::kMovePages, "move pages", kSpill, 40, false},
    {Action::kReportPages, "report pages", kSpill, 40, false},
};
static_assert(std::size(kKinds) == kActions);

}  // namespace

const char* NameOf(Action action) {
  const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                 [action](const Kind& k) { return k.action == action; });
  return kind->name;
}

Plan MakePlan(uint64_t seed, size_t steps) {
  // Cumulative, in the order of kKinds: who is next, and what each concern does.
  std::array<uint32_t, kActions> weights{};
  Random swarm = Random::Fork(seed, kConcerns);
  std::array<uint32_t, kConcerns> of_concern{};
  for (size_t i = 0; i < kActions; ++i) {
    weights[i] = kKinds[i].weight;
    const uint64_t dice = swarm.Below(10);
    if (kKinds[i].optional && dice < 2) weights[i] = 0;
    if (dice == 9) weights[i] *= 4;
    of_concern[kKinds[i].concern] += weights[i];
  }
  Random schedule = Random::Fork(seed, kConcerns + 1);
  std::vector<Random> streams;
  for (uint64_t concern = 0; concern < kConcerns; ++concern) {
    streams.push_back(Random::Fork(seed, concern));
  }
  uint32_t total = 0;
  for (const uint32_t weight : of_concern) total += weight;

  Plan plan;
  plan.reserve(steps);
  for (size_t step = 0; step < steps; ++step) {
    uint64_t left = schedule.Below(total);
    size_t concern = 0;
    while (left >= of_concern[concern]) left -= of_concern[concern++];
    Random& stream = streams[concern];
    left = stream.Below(of_concern[concern]);
    size_t kind = 0;
    for (;; ++kind) {
      if (kKinds[kind].concern != concern) continue;
      if (left < weights[kind]) break;
      left -= weights[kind];
    }
    plan.push_back({kKinds[kind].action, stream.Next()});
  }
  return plan;
}

}  // namespace warren::sim
