// The end of a run: everything comes to rest, all queues are drained, and nothing may be left.
#include "tests/sim/world.h"

namespace warren::sim {


void World::LetRest() {
  Random random(steps_);
  const auto moves = [this] { return broker_->HasPageWork() || !moved_pages_.empty(); };
  while (problem_.empty() && (!NothingOnItsWay() || moves())) {
    TakeBatch();
    CommitBatch(random);
    Report();
    MovePages(random);
    ReportPages();
  }
}

void World::DrainAll() {
  Random random(steps_);
  FinishStop(random);
  // Only its end leaves nothing of it in the sums.
  if (second_.is_there() && problem_.empty()) Do(second_.Delete(), Of::kSecondHost);
  while (!consumers_.empty() && problem_.empty()) {
    const core::ConsumerId id = consumers_.back().id;
    consumers_.pop_back();
    Do(core::CloseConsumer{id});
  }
  leases_.clear();
  for (Publisher& publisher : publishers_) {
    if ((!publisher.open || publisher.deaf) && problem_.empty()) OpenPublisher(publisher);
  }
  const auto left = [this] {
    const core::Usage& usage = broker_->usage();
    return usage.ready_messages + usage.delayed_messages + usage.unsettled_messages +
           usage.held_messages + usage.dying_messages;
  };
  // A Get answers with what is in memory, which may be a message at a time.
  for (int round = 0; round < 3'000 && problem_.empty(); ++round) {
    LetRest();
    if (left() == 0) break;
    PassTime(100);
    for (const core::QueueView& queue : broker_->ListQueues()) {
      if (queue.virtual_host != kHost) continue;
      const core::RequestId request = NewRequest();
      gets_[request.value] = queue.name;
      Do(core::Get{.request = request,
                   .virtual_host = kHost,
                   .queue = queue.name,
                   .max_messages = 1000,
                   .auto_ack = true});
    }
    LetRest();
  }
  if (problem_.empty()) CheckEnd();
}

void World::CheckEnd() {
  const core::Usage& usage = broker_->usage();
  if (usage.ready_messages + usage.delayed_messages + usage.unsettled_messages +
          usage.held_messages + usage.dying_messages !=
      0) {
    Problem("the queues don't become empty");
  }
  if (usage.memory_bytes != 0) Problem("memory is counted that nothing takes");
  if (usage.paged_messages != 0 || !pages_.empty()) Problem("pages are left over");
  for (const Publisher& publisher : publishers_) {
    if (!publisher.unconfirmed.empty()) Problem(publisher.lane + " waits for confirms");
  }
  accounts_.CheckNothingLost();
  if (!accounts_.problems().empty() && KeepsAccounts()) Problem(accounts_.problems().front());
}

}  // namespace warren::sim
