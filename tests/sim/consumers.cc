// Simulated consumers, and the calls that deliver or settle outside of their streams.
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace warren::sim {
namespace {

constexpr size_t kConsumersMax = 6;

}  // namespace


World::Consumer* World::PickConsumer(Random& random) {
  return consumers_.empty() ? nullptr : &random.Pick(consumers_);
}

void World::Subscribe(Random& random) {
  if (consumers_.size() >= kConsumersMax) return;
  Consumer consumer{.id = {next_id_++}, .queue = RandomQueue(random)};
  consumer.prefetch.messages = static_cast<uint32_t>(random.From(1, 6));
  if (random.Chance(20)) consumer.prefetch.bytes = 20;
  consumer.auto_ack = random.Chance(15);
  core::Subscribe subscribe{.consumer = consumer.id,
                            .virtual_host = kHost,
                            .queue = consumer.queue,
                            .consumer_name = absl::StrCat("c", consumer.id.value),
                            .prefetch = consumer.prefetch,
                            .auto_ack = consumer.auto_ack,
                            .exclusive = random.Chance(8)};
  if (settings_.changes && random.Chance(15)) {
    subscribe.queue = consumer.queue = absl::StrCat("own", random.Below(2));
    subscribe.declare = RandomQueueOptions(random, settings_.paging);
    if (subscribe.declare->delivery_limit != 0) subscribe.declare->retry.reset();
    subscribe.declare->exclusive = true;
    core::BindingSpec binding = RandomBinding(random, settings_);
    subscribe.bindings.push_back(std::move(binding));
  }
  consumers_.push_back(consumer);
  Do(std::move(subscribe));
}

core::Settlement World::RandomSettlement(Random& random, Consumer& consumer,
                                         std::vector<storage::MessagePtr>& acked) {
  core::Settlement settlement;
  settlement.outcome =
      static_cast<core::SettleOutcome>(random.Chance(60) ? 1 : random.From(1, 4));
  if (settlement.outcome == core::SettleOutcome::kRetry && random.Chance(70)) {
    settlement.retry_delay_ms = random.From(0, 20);
  }
  const auto take = [&](uint64_t tag) {
    const auto it = consumer.unsettled.find(tag);
    if (it == consumer.unsettled.end()) return;
    if (settlement.outcome == core::SettleOutcome::kAck) acked.push_back(it->second);
    consumer.unsettled.erase(it);
  };
  if (!KeepsAccounts() && random.Chance(4)) {  // one that isn't there (any more)
    settlement.tags.push_back({1 + random.Below(consumer.last_tag + 2)});
    take(settlement.tags.back().value);
  }
  if (consumer.unsettled.empty()) return settlement;
  auto it = consumer.unsettled.begin();
  std::advance(it, random.Below(consumer.unsettled.size()));
  const uint64_t tag = it->first;
  if (random.Chance(25)) {
    settlement.up_to = {tag};
    while (!consumer.unsettled.empty() && consumer.unsettled.begin()->first <= tag) {
      take(consumer.unsettled.begin()->first);
    }
  } else {
    settlement.tags.push_back({tag});
    take(tag);
  }
  return settlement;
}

void World::SettleSome(Random& random) {
  Consumer* consumer = PickConsumer(random);
  if (consumer == nullptr || consumer->unsettled.empty()) return;
  if (consumer->auto_ack) {
    const uint64_t up_to = consumer->unsettled.begin()->first;
    consumer->unsettled.erase(consumer->unsettled.begin());
    return Do(core::HandedOver{consumer->id, {up_to}});
  }
  core::Settle settle{.consumer = consumer->id};
  std::vector<storage::MessagePtr> acked;
  do {
    settle.settlements.push_back(RandomSettlement(random, *consumer, acked));
  } while (!consumer->unsettled.empty() && random.Chance(25));
  if (random.Chance(80)) {
    settle.settle_id = ++consumer->last_settle_id;
    consumer->waits_for_answer[settle.settle_id] = std::move(acked);
  }
  Do(std::move(settle));
}

// ---- Calls ----

void World::SettleByCall(Random& random) {
  core::Ack ack{.request = NewRequest(), .virtual_host = kHost};
  std::vector<Leased>& settled = lease_acks_[ack.request.value];
  Consumer* consumer = random.Chance(40) ? PickConsumer(random) : nullptr;
  if (consumer != nullptr && !consumer->auto_ack) {
    std::vector<storage::MessagePtr> acked;
    ack.consumer_name = absl::StrCat("c", consumer->id.value);
    ack.settlements.push_back(RandomSettlement(random, *consumer, acked));
    for (const storage::MessagePtr& m : acked) settled.push_back({m, consumer->queue});
  } else if (!leases_.empty()) {
    auto lease = leases_.begin();
    std::advance(lease, random.Below(leases_.size()));
    core::Settlement settlement{.tags = {{lease->first}}};
    settlement.outcome =
        static_cast<core::SettleOutcome>(random.Chance(60) ? 1 : random.From(1, 4));
    if (settlement.outcome == core::SettleOutcome::kAck) settled.push_back(lease->second);
    ack.settlements.push_back(settlement);
    leases_.erase(lease);
  }
  Do(std::move(ack));
}

void World::Commit(Random& random) {
  core::Commit commit{.request = NewRequest(), .virtual_host = kHost};
  PendingCommit& pending = commits_[commit.request.value];
  // Accounts hold a transaction to be all or nothing, which only shows in queues that lose nothing.
  for (int64_t n = random.From(0, 3); n > 0; --n) {
    Sent sent = RandomMessage(random, absl::StrCat("tx", commit.request.value), true);
    if (KeepsAccounts()) {
      sent.exchange = "";
      sent.key = random.Chance(50) ? kDead : settings_.queues[1].name;
      sent.expiration_ms = -1;
      sent.message_id = "";
      accounts_.Published(sent.body, {accounts_.Setting(sent.key)}, true);
    }
    pending.published.push_back(sent.body);
    Trace("commits " + sent.body + " to " + sent.exchange + "/" + sent.key);
    commit.publications.push_back(Make(sent));
  }
  for (int64_t n = random.From(0, 2); n > 0; --n) {
    Consumer* consumer = random.Chance(60) ? PickConsumer(random) : nullptr;
    core::TransactionSettlement part;
    if (consumer != nullptr && !consumer->unsettled.empty() && !consumer->auto_ack) {
      std::vector<storage::MessagePtr> acked;
      part.consumer_name = absl::StrCat("c", consumer->id.value);
      const std::map<uint64_t, storage::MessagePtr> before = consumer->unsettled;
      part.settlement = RandomSettlement(random, *consumer, acked);
      // If it fails, what it named is still there.
      for (const auto& [tag, message] : before) {
        if (consumer->unsettled.contains(tag)) continue;
        pending.unsettled[consumer->id.value][tag] = message;
      }
      for (const storage::MessagePtr& m : acked) pending.acked.push_back({m, consumer->queue});
      // Some name again what they named already.
      if (!KeepsAccounts() && random.Chance(10)) consumer->unsettled = before;
    } else if (!leases_.empty()) {
      part.settlement.tags.push_back({leases_.begin()->first});
      pending.acked.push_back(leases_.begin()->second);
      leases_.erase(leases_.begin());
    } else {
      break;
    }
    commit.settlements.push_back(std::move(part));
  }
  if (random.Chance(50)) {
    commit.producer_id = "committer";
    commit.sequence = next_commit_++;
    // A repeat, whose client then doesn't know what is settled.
    if (!KeepsAccounts() && random.Chance(10)) {
      commit.sequence = 1 + random.Below(next_commit_);
    }
  }
  accounts_.Transaction(pending.published);
  Do(std::move(commit));
}

void World::Get(Random& random) {
  const core::RequestId request = NewRequest();
  const std::string queue = RandomQueue(random);
  gets_[request.value] = queue;
  Do(core::Get{.request = request,
               .virtual_host = kHost,
               .queue = queue,
               .max_messages = static_cast<uint32_t>(random.From(1, 3)),
               .auto_ack = random.Chance(20),
               .lease_ms = random.From(5, 30)});
}

}  // namespace warren::sim
