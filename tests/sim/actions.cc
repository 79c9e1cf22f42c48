// What the simulated clients do of their own will.
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "tests/sim/reference/routing.h"
#include "tests/sim/world.h"

namespace warren::sim {
namespace {

// Above it clients don't publish, so that walking everything stays cheap.
constexpr uint64_t kBacklogMax = 60;
constexpr size_t kConsumersMax = 6;
constexpr char kNowhere[] = "nowhere";  // an exchange that isn't there

}  // namespace

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
    case Action::kDeleteExchange: return Change(step.action, random);
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

// ---- Publishers ----

void World::OpenPublisher(Publisher& publisher) {
  publisher.id = {next_id_++};
  publisher.open = false;
  Do(core::OpenPublisher{publisher.id, kHost, publisher.producer_id, true});
  if (publisher.producer_id.empty()) {
    publisher.unconfirmed.clear();
    return;
  }
  const std::map<uint64_t, Sent> unconfirmed = publisher.unconfirmed;
  for (const auto& [sequence, sent] : unconfirmed) {
    Trace("resend " + sent.body);
    core::Publish publish{.publisher = publisher.id, .first_sequence = sequence};
    publish.publications.push_back(Make(sent));
    Do(std::move(publish));
  }
}

void World::BreakPublisher(Random& random) {
  Publisher& publisher = PickPublisher(random);
  if (!publisher.open) return;
  publisher.open = false;
  Do(core::ClosePublisher{publisher.id});
}

core::Publication World::Make(const Sent& sent) {
  core::Publication publication;
  publication.mandatory = sent.mandatory;
  publication.delay_ms = sent.delay_ms;
  if (sent.refused) {
    publication.refused = Error(absl::StatusCode::kInvalidArgument, "HEADERS_TOO_LARGE",
                                {"message", "", kHost}, "refused by the edge");
  }
  publication.message = storage::MakeRef<storage::Message>();
  storage::Message& message = *publication.message;
  message.exchange = storage::SharedString(sent.exchange);
  message.routing_key = storage::SharedString(sent.key);
  message.body = storage::SharedString(sent.body);
  message.persistent = sent.persistent;
  message.priority = sent.priority;
  if (sent.expiration_ms >= 0) message.expiration_ms = sent.expiration_ms;
  if (!sent.headers.empty() || !sent.message_id.empty()) {
    auto properties = std::make_unique<storage::Properties>();
    properties->headers = sent.headers;
    properties->message_id = sent.message_id;
    message.properties = std::move(properties);
  }
  return publication;
}

std::string World::RandomQueue(Random& random) {
  return settings_.queues[random.Below(settings_.queues.size())].name;
}

World::Sent World::RandomMessage(Random& random, const std::string& lane, bool durable) {
  Sent sent;
  if (random.Chance(55)) {
    sent.key = RandomQueue(random);
  } else {
    sent.exchange = settings_.exchanges[random.Below(settings_.exchanges.size())].name;
    sent.key = RandomKey(random);
    if (random.Chance(50)) sent.headers = RandomHeaders(random);
  }
  sent.persistent = durable || random.Chance(80);
  sent.priority = static_cast<uint8_t>(random.Below(7));
  sent.mandatory = random.Chance(20);
  if (random.Chance(15)) sent.expiration_ms = random.From(0, 30);
  if (random.Chance(15)) sent.message_id = absl::StrCat("id", random.Below(5));
  // What is delayed goes by a lane of its own: nothing is promised of its order.
  std::string own_lane = lane;
  if (random.Chance(10)) {
    if (random.Chance(30)) {
      sent.headers.push_back({"x-delay", {random.From(0, 20)}});
      storage::SortHeaders(sent.headers);
    } else {
      sent.delay_ms = random.From(1, 40);
    }
    absl::StrAppend(&own_lane, next_number_, "d");
  }
  if (random.Chance(2)) sent.exchange = kNowhere;
  sent.refused = random.Chance(1);
  sent.body = absl::StrCat(own_lane, "-", next_number_++);

  // What must come out in the end.
  std::vector<const QueueSetting*> to;
  std::vector<ReferenceExchange> exchanges;
  for (const ExchangeSetting& e : settings_.exchanges) {
    exchanges.push_back({.name = e.name, .options = e.options});
  }
  std::vector<ReferenceBinding> bindings;
  for (const core::BindingSpec& b : settings_.bindings) {
    bindings.push_back({.source = b.source,
                        .to_queue = b.destination_kind == core::DestinationKind::kQueue,
                        .destination = b.destination,
                        .key = b.key,
                        .arguments = b.arguments});
  }
  if (KeepsAccounts()) {
    const bool tame = sent.expiration_ms < 0 && sent.message_id.empty();
    for (const std::string& name :
         Route(exchanges, bindings, sent.exchange, sent.key, sent.headers)) {
      if (const QueueSetting* queue = accounts_.Setting(name); queue != nullptr && tame) {
        to.push_back(queue);
      }
    }
    accounts_.Published(sent.body, to, sent.persistent);
  }
  return sent;
}

void World::PublishSome(Random& random) {
  Publisher& publisher = PickPublisher(random);
  if (!publisher.open) return OpenPublisher(publisher);
  const core::Usage& usage = broker_->usage();
  if (usage.ready_messages + usage.delayed_messages > kBacklogMax) return;
  core::Publish publish{.publisher = publisher.id, .first_sequence = publisher.next_sequence};
  for (int64_t n = random.From(1, 4); n > 0; --n) {
    const Sent sent = RandomMessage(random, publisher.lane, false);
    publish.publications.push_back(Make(sent));
    Trace("publish " + sent.body + " to " + sent.exchange + "/" + sent.key);
    publisher.unconfirmed.emplace(publisher.next_sequence++, sent);
  }
  Do(std::move(publish));
}

// ---- Consumers ----

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
        if (!consumer->unsettled.contains(tag)) pending.unsettled[consumer->id.value][tag] = message;
      }
      for (const storage::MessagePtr& m : acked) pending.acked.push_back({m, consumer->queue});
      if (!KeepsAccounts() && random.Chance(10)) consumer->unsettled = before;  // names it again
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
    if (!KeepsAccounts() && random.Chance(10)) commit.sequence = 1 + random.Below(next_commit_);
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
