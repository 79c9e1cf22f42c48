// The actions of a plan, carried out.
#include <algorithm>

#include "tests/sim/world.h"

namespace warren::sim {
void World::Act(const PlannedStep& step) {
  Random random(step.seed);
  switch (step.action) {
    case Action::kPublish: return PublishSome(random);
    case Action::kOpenPublisher: return OpenPublisher(PickPublisher(random));
    case Action::kBreakPublisher: return BreakPublisher(random);
    case Action::kSubscribe: return Subscribe(random);
    case Action::kSettle: return SettleSome(random);
    case Action::kSettleByCall: return SettleByCall(random);
    case Action::kCloseConsumer:
      if (Consumer* consumer = PickConsumer(random)) {
        const core::ConsumerId id = consumer->id;
        std::erase_if(consumers_, [id](const Consumer& c) { return c.id == id; });
        Do(core::CloseConsumer{id});
      }
      return;
    case Action::kSetPrefetch:
      if (Consumer* consumer = PickConsumer(random)) {
        consumer->prefetch.messages = static_cast<uint32_t>(random.From(1, 8));
        Do(core::SetPrefetch{consumer->id, consumer->prefetch});
      }
      return;
    case Action::kDrainConsumer:
      if (Consumer* consumer = PickConsumer(random)) Do(core::DrainConsumer{consumer->id});
      return;
    case Action::kCommit: return Commit(random);
    case Action::kGet: return Get(random);
    case Action::kDeclareQueue:
    case Action::kDeleteQueue:
    case Action::kPurgeQueue:
    case Action::kBind:
    case Action::kUnbind:
    case Action::kDeclareExchange:
    case Action::kDeleteExchange:
    case Action::kMoveMessages:
    case Action::kChangePolicy:
    case Action::kCancelScheduled: return Change(step.action, random);
    case Action::kSecondHost: return Do(second_.Next(random), Of::kSecondHost);
    case Action::kPassTime: return PassTime(random.Chance(90) ? random.From(1, 12) : 60);
    case Action::kPassTimeLate: return PassTimeLate(random);
    case Action::kTakeBatch: return TakeBatch();
    case Action::kCommitBatch: return CommitBatch(random);
    case Action::kReport: return Report();
    case Action::kReportAgain:
      if (reported_ > 0) Do(core::Durable{{1 + random.Below(reported_)}});
      return;
    case Action::kCrash: return Crash(random);
    case Action::kBeginStop:
      stopping_ = true;
      return Do(core::BeginShutdown{});
    case Action::kFinishStop: return FinishStop(random);
    case Action::kCheckPrefix: return CheckPrefix();
    case Action::kMovePages: return MovePages(random);
    case Action::kReportPages: return ReportPages();
  }
}

}  // namespace warren::sim
