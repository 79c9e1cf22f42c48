// What the simulated clients do of their own will.
#include <iterator>
#include <utility>

#include "tests/sim/world.h"

namespace warren::sim {

void World::OpenPublisher(Publisher& publisher) {
  publisher.id = {next_id_++};
  Step(core::OpenPublisher{publisher.id, kHost, publisher.producer_id, true});
  Resend(publisher);
}

core::Publication World::Make(const Publisher::Message& message) {
  core::Publication publication;
  publication.message = storage::MakeRef<storage::Message>();
  storage::Message& m = *publication.message;
  if (message.queue == nullptr) {
    m.exchange = storage::SharedString(kFanout);
  } else {
    m.routing_key = storage::SharedString(message.queue->name);
  }
  m.body = storage::SharedString(message.body);
  m.persistent = message.persistent;
  m.priority = message.priority;
  if (message.expiration_ms >= 0) m.expiration_ms = message.expiration_ms;
  publication.delay_ms = message.delay_ms;
  return publication;
}

World::Publisher::Message World::RandomMessage(Publisher& publisher) {
  Publisher::Message message;
  message.queue = Chance(20) ? nullptr : &queues_[1 + Random(8)];
  message.persistent = Chance(80);
  message.priority = static_cast<uint8_t>(Random(7));
  // What is delayed or may be dropped goes by a lane of its own: nothing is promised of its order.
  std::string lane = publisher.lane;
  if (message.queue != nullptr && message.queue->options.dead_letter_exchange && Chance(20)) {
    message.expiration_ms = Random(30);
  }
  if (Chance(10)) {
    message.delay_ms = 1 + Random(40);
    lane += std::to_string(next_number_) + "d";
  }
  message.body = lane + "-" + std::to_string(next_number_++);
  return message;
}

void World::PublishSome(Publisher& publisher) {
  core::Publish publish{.publisher = publisher.id, .first_sequence = publisher.next_sequence};
  for (int n = 1 + Random(4); n > 0; --n) {
    const Publisher::Message message = RandomMessage(publisher);
    std::vector<const QueueKind*> to{message.queue};
    if (message.queue == nullptr) to = {FindQueue("plain"), FindQueue("memory")};
    accounts_.Publish(message.body, to, message.persistent);
    publish.publications.push_back(Make(message));
    Trace("publish " + message.body);
    publisher.unconfirmed.emplace(publisher.next_sequence++, message);
  }
  Step(std::move(publish));
}

void World::Resend(Publisher& publisher) {
  if (publisher.producer_id.empty()) return;
  const auto unconfirmed = publisher.unconfirmed;
  for (const auto& [sequence, message] : unconfirmed) {
    core::Publish publish{.publisher = publisher.id, .first_sequence = sequence};
    publish.publications.push_back(Make(message));
    Trace("resend " + message.body);
    Step(std::move(publish));
  }
}

void World::Subscribe() {
  Consumer consumer{.id = {next_id_++}, .queue = &queues_[Random(9)]};
  consumer.prefetch.messages = static_cast<uint32_t>(1 + Random(6));
  if (Chance(20)) consumer.prefetch.bytes = 20;
  consumer.auto_ack = Chance(15);
  consumers_.push_back(consumer);
  Trace("subscribe " + consumer.queue->name);
  Step(core::Subscribe{.consumer = consumer.id,
                       .virtual_host = kHost,
                       .queue = consumer.queue->name,
                       .prefetch = consumer.prefetch,
                       .auto_ack = consumer.auto_ack});
}

void World::SettleSome(Consumer& consumer) {
  if (consumer.unsettled.empty()) return;
  if (consumer.auto_ack) {
    const uint64_t up_to = consumer.unsettled.begin()->first;
    accounts_.Acked(consumer.unsettled.begin()->second, *consumer.queue);
    consumer.unsettled.erase(consumer.unsettled.begin());
    return Step(core::HandedOver{consumer.id, {up_to}});
  }
  core::Settle settle{.consumer = consumer.id, .settle_id = ++consumer.last_settle_id};
  core::Settlement settlement;
  settlement.outcome = static_cast<core::SettleOutcome>(Chance(60) ? 1 : 1 + Random(4));
  if (settlement.outcome == core::SettleOutcome::kRetry && Chance(70)) {
    settlement.retry_delay_ms = Random(20);
  }
  // Once a message went round by a delay, its order is nobody's promise.
  const auto settled = [&](const std::string& body) {
    if (settlement.outcome != core::SettleOutcome::kAck) return;
    accounts_.Acked(body, *consumer.queue);
    consumer.waits_for_answer[settle.settle_id].push_back(body);
  };
  if (Chance(25)) {
    auto last = consumer.unsettled.begin();
    std::advance(last, Random(static_cast<int>(consumer.unsettled.size())));
    settlement.up_to = {last->first};
    const uint64_t up_to = last->first;
    while (!consumer.unsettled.empty() && consumer.unsettled.begin()->first <= up_to) {
      settled(consumer.unsettled.begin()->second);
      consumer.unsettled.erase(consumer.unsettled.begin());
    }
  } else {
    auto it = consumer.unsettled.begin();
    std::advance(it, Random(static_cast<int>(consumer.unsettled.size())));
    settlement.tags = {{it->first}};
    settled(it->second);
    consumer.unsettled.erase(it);
  }
  Trace("settle " + std::to_string(static_cast<int>(settlement.outcome)));
  settle.settlements.push_back(std::move(settlement));
  Step(std::move(settle));
}

void World::CloseConsumer(size_t index) {
  const core::ConsumerId id = consumers_[index].id;
  consumers_.erase(consumers_.begin() + static_cast<std::ptrdiff_t>(index));
  Trace("close consumer");
  Step(core::CloseConsumer{id});
}

void World::CommitSome() {
  core::Commit commit{.request = {next_id_++}, .virtual_host = kHost};
  Commit pending{.request = commit.request};
  for (const char* name : {"plain", "dead"}) {
    const std::string body = "tx" + std::to_string(next_number_) + "-" + std::to_string(next_number_);
    ++next_number_;
    const QueueKind* queue = FindQueue(name);
    accounts_.Publish(body, {queue}, true);
    commit.publications.push_back(Make({.body = body, .queue = queue, .persistent = true}));
    pending.published.push_back(body);
  }
  // What is acked by name of a lease.
  if (!leases_.empty() && Chance(60)) {
    const auto lease = leases_.begin();
    commit.settlements.push_back({.settlement = {.tags = {{lease->first}}}});
    pending.acked.push_back({lease->second.body, lease->second.queue});
    leases_.erase(lease);
  }
  accounts_.Transaction(pending.published);
  commits_.push_back(pending);
  Trace("commit " + pending.published[0]);
  Step(std::move(commit));
}

void World::GetSome() {
  if (!leases_.empty() && Chance(50)) {
    const auto lease = leases_.begin();
    const core::RequestId request{next_id_++};
    lease_acks_[request.value].push_back(lease->second);
    const uint64_t tag = lease->first;
    leases_.erase(lease);
    return Step(core::Ack{request, kHost, "", {{.tags = {{tag}}}}});
  }
  const core::RequestId request{next_id_++};
  const QueueKind& queue = queues_[Random(9)];
  gets_[request.value] = &queue;
  Step(core::Get{.request = request,
                 .virtual_host = kHost,
                 .queue = queue.name,
                 .max_messages = static_cast<uint32_t>(1 + Random(3)),
                 .lease_ms = 20});
}

}  // namespace warren::sim
