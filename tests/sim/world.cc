#include "tests/sim/world.h"

#include <cstdlib>
#include <iostream>
#include <set>
#include <type_traits>

namespace warren::sim {
namespace {

std::vector<QueueKind> Topology() {
  std::vector<QueueKind> q(9);
  q[0] = {.name = "dead", .options = {.durable = true}, .reorders = true};
  q[1] = {.name = "plain", .options = {.durable = true}};
  q[2] = {.name = "limited", .options = {.durable = true, .delivery_limit = 3}};
  q[3] = {.name = "expiring", .options = {.durable = true, .message_ttl_ms = 50}};
  q[4] = {.name = "short", .options = {.durable = true, .max_length = 5}, .loses = true};
  q[5] = {.name = "refusing", .options = {.durable = true, .max_length = 5}};
  q[5].options.overflow = storage::OverflowPolicy::kRejectPublish;
  q[6] = {.name = "prioritised", .options = {.durable = true, .max_priority = 4}, .reorders = true};
  q[7] = {.name = "retrying", .options = {.durable = true}, .reorders = true};
  q[7].options.retry = storage::RetryPolicy{.max_attempts = 3, .initial_backoff_ms = 5, .jitter = 0.5};
  q[8] = {.name = "memory", .options = {}, .loses = true};
  for (int i : {2, 3, 7}) {
    q[i].options.dead_letter_exchange = "";
    q[i].options.dead_letter_routing_key = "dead";
  }
  return q;
}

}  // namespace

World::World(uint64_t seed)
    : random_(seed), seed_(seed), queues_(Topology()), print_(getenv("WARREN_SIM_PRINT") != nullptr) {
  for (const char* id : {"alpha", "beta", "gamma", ""}) {
    publishers_.push_back({.lane = *id != 0 ? id : "anonymous", .producer_id = id});
  }
  Restore();
}

// ---- Plumbing ----

void World::Trace(const std::string& line) {
  for (const char c : line) trace_hash_ = (trace_hash_ ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  if (print_) std::cout << now_ms_ << ' ' << line << std::endl;  // flushed: a check may end us
}

void World::Step(core::Command command) {
  Trace("> command " + std::to_string(command.index()));
  core::Effects effects;
  broker_->Step(now_ms_, std::move(command), effects);
  broker_->CheckInvariants();
  for (const core::Effect& effect : effects) Apply(effect);
}

World::Consumer* World::Find(core::ConsumerId id) {
  for (Consumer& consumer : consumers_) {
    if (consumer.id == id) return &consumer;
  }
  return nullptr;
}

const QueueKind* World::FindQueue(const std::string& name) const {
  for (const QueueKind& queue : queues_) {
    if (queue.name == name) return &queue;
  }
  return nullptr;
}

void World::Apply(const core::Effect& effect) {
  if (const auto* opened = std::get_if<core::PublisherOpened>(&effect)) {
    for (Publisher& p : publishers_) {
      if (p.id != opened->publisher) continue;
      p.open = true;
      Trace("opened " + p.lane + " at " + std::to_string(opened->last_sequence));
      if (p.producer_id.empty()) {
        p.unconfirmed.clear();
      } else if (opened->last_sequence >= p.next_sequence) {
        accounts_.Problem(p.lane + " was told of a sequence that it never sent");
      }
    }
  } else if (const auto* confirmed = std::get_if<core::Confirmed>(&effect)) {
    for (Publisher& p : publishers_) {
      if (p.id != confirmed->publisher) continue;
      for (uint64_t s = confirmed->first_sequence; s <= confirmed->last_sequence; ++s) {
        const auto it = p.unconfirmed.find(s);
        if (it == p.unconfirmed.end()) {
          accounts_.Problem(p.lane + ": sequence " + std::to_string(s) + " confirmed out of the blue");
          continue;
        }
        Trace("confirmed " + it->second.body + " " +
              std::to_string(static_cast<int>(confirmed->outcome)));
        accounts_.Confirmed(it->second.body, confirmed->outcome);
        p.unconfirmed.erase(it);
      }
    }
  } else if (const auto* delivered = std::get_if<core::Delivered>(&effect)) {
    Consumer* c = Find(delivered->consumer);
    const std::string& body = delivered->delivery.message->body.str();
    if (c == nullptr) return accounts_.Problem(body + " was delivered to nobody");
    Trace("delivered " + body + " from " + c->queue->name + " tag " +
          std::to_string(delivered->delivery.tag.value));
    if (!c->subscribed) accounts_.Problem(body + " was delivered before Subscribed");
    if (delivered->delivery.tag.value != ++c->last_tag) accounts_.Problem(body + ": tags have a gap");
    accounts_.Delivered(body, *c->queue, delivered->delivery.redelivered);
    c->unsettled.emplace(delivered->delivery.tag.value, body);
    if (c->unsettled.size() > c->prefetch.messages) accounts_.Problem("prefetch exceeded");
  } else if (const auto* answered = std::get_if<core::SettleAnswered>(&effect)) {
    Consumer* c = Find(answered->consumer);
    if (c == nullptr) return;
    if (!answered->failures.empty()) accounts_.Problem("a settlement failed");
    for (const std::string& body : c->waits_for_answer[answered->settle_id]) {
      accounts_.AckAnswered(body, *c->queue);
    }
    c->waits_for_answer.erase(answered->settle_id);
  } else if (const auto* subscribed = std::get_if<core::Subscribed>(&effect)) {
    if (Consumer* c = Find(subscribed->consumer)) c->subscribed = true;
  } else if (const auto* replied = std::get_if<core::Replied>(&effect)) {
    Trace("replied " + std::to_string(replied->request.value) + " " + std::string(replied->status.message()));
    for (size_t i = 0; i < commits_.size(); ++i) {
      if (commits_[i].request != replied->request) continue;
      const bool ok = replied->status.ok();
      for (const std::string& body : commits_[i].published) {
        accounts_.Confirmed(body, ok ? core::Outcome::kAccepted : core::Outcome::kRejected);
      }
      if (ok) {
        for (const auto& [body, queue] : commits_[i].acked) accounts_.AckAnswered(body, *queue);
      }
      commits_.erase(commits_.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
    if (const auto* got = std::get_if<core::GetResult>(&replied->result)) {
      const QueueKind* queue = gets_.at(replied->request.value);
      for (const core::Delivery& d : got->deliveries) {
        Trace("got " + d.message->body.str() + " from " + queue->name);
        accounts_.Delivered(d.message->body.str(), *queue, d.redelivered);
        leases_[d.tag.value] = {d.message->body.str(), queue};
      }
    }
    if (const auto it = lease_acks_.find(replied->request.value); it != lease_acks_.end()) {
      const auto* failures = std::get_if<core::SettleFailures>(&replied->result);
      if (failures != nullptr && failures->failures.empty()) {
        for (const Leased& leased : it->second) accounts_.AckAnswered(leased.body, *leased.queue);
      }
      lease_acks_.erase(it);
    }
  }
}

// ---- The journal ----

void World::TakeBatch() {
  if (!broker_->HasPendingRecords()) return;
  in_flight_.push_back(broker_->TakeBatch());
  Trace("batch " + std::to_string(in_flight_.back().lsn.value) + " of " +
        std::to_string(in_flight_.back().records.size()));
}

void World::MakeDurable(bool report) {
  if (!in_flight_.empty()) {
    journal_.Apply(in_flight_.front());
    unreported_.push_back(in_flight_.front().lsn.value);
    in_flight_.pop_front();
  }
  if (!report || unreported_.empty()) return;
  const uint64_t lsn = unreported_.back();
  unreported_.clear();
  Step(core::Durable{{lsn}});
}

// ---- The spill ----

void World::MovePages() {
  if (!broker_->HasPageWork()) return;
  core::PageWork work = broker_->TakePageWork();
  Trace("pages " + std::to_string(work.out.size()) + " out, " + std::to_string(work.in.size()) +
        " in, " + std::to_string(work.dropped.size()) + " dropped");
  core::Paged moved;
  for (core::PageOut& out : work.out) {
    const storage::SpillHandle page{Chance(95) ? next_id_++ : 0};
    if (page) pages_.emplace(page.value, std::move(out.content));
    moved.out.push_back({out.id, page});
  }
  const auto take = [this](storage::SpillHandle page) -> storage::MessagePtr {
    const auto it = pages_.find(page.value);
    if (it == pages_.end()) return nullptr;
    return std::move(pages_.extract(it).mapped());
  };
  for (const core::PageIn& in : work.in) moved.in.push_back({in.id, take(in.page)});
  for (const storage::SpillHandle page : work.dropped) {
    if (!take(page)) accounts_.Problem("a page was dropped that isn't there");
  }
  if (!moved.out.empty() || !moved.in.empty()) moved_pages_.push_back(std::move(moved));
}

void World::ReportPages() {
  if (moved_pages_.empty()) return;
  core::Paged moved = std::move(moved_pages_.front());
  moved_pages_.pop_front();
  Step(std::move(moved));
}

void World::Restore() {
  // Most worlds are short of memory, so that messages come and go all the time.
  broker_ = std::make_unique<core::Broker>(core::BrokerOptions{
      .seed = random_(),
      .page_out_above_bytes = Chance(75) ? static_cast<uint64_t>(Random(4000)) : 0,
      .page_window_messages = static_cast<uint32_t>(1 + Random(6)),
  });
  const absl::Status status = journal_.Emit([this](storage::Record record) {
    return broker_->Restore(std::move(record), now_ms_);
  });
  if (!status.ok()) accounts_.Problem("recovery failed: " + status.ToString());
  broker_->FinishRecovery(now_ms_);
  broker_->CheckInvariants();
  std::set<std::pair<std::string, std::string>> copies;
  for (const core::QueueView& queue : broker_->ListQueues()) {
    for (const core::EntryView& entry : broker_->ListEntries(queue.id)) {
      copies.insert({entry.message->body.str(), queue.name});
    }
  }
  accounts_.Restarted(copies);

  const auto request = [this] { return core::RequestId{next_id_++}; };
  Step(core::DeclareExchange{request(), kHost, kFanout,
                             storage::ExchangeOptions{.type = storage::ExchangeType::kFanout,
                                                      .durable = true}});
  for (const QueueKind& queue : queues_) {
    Step(core::DeclareQueue{request(), kHost, queue.name, queue.options});
  }
  for (const char* name : {"plain", "prioritised", "memory"}) {
    Step(core::Bind{request(), kHost, {.source = kFanout, .destination = name}});
  }
}

void World::Crash() {
  Trace("crash");
  // Any part of what was on its way may have arrived.
  for (int n = Random(static_cast<int>(in_flight_.size()) + 1); n > 0; --n) MakeDurable(false);
  in_flight_.clear();
  unreported_.clear();
  pages_.clear();
  moved_pages_.clear();
  for (Publisher& p : publishers_) p.open = false;
  consumers_.clear();
  commits_.clear();
  gets_.clear();
  leases_.clear();
  lease_acks_.clear();
  Restore();
}

void World::StopAndStart() {
  Trace("stop");
  Step(core::BeginShutdown{});
  Step(core::FinishShutdown{});
  Settle();
  CompareWithRecovered();
  Crash();
}

void World::CompareWithRecovered() {
  core::Broker recovered(core::BrokerOptions{});
  const absl::Status status = journal_.Emit([&](storage::Record record) {
    return recovered.Restore(std::move(record), now_ms_);
  });
  if (!status.ok()) return accounts_.Problem("recovery failed: " + status.ToString());
  using Copy = std::tuple<uint64_t, int64_t, uint32_t>;
  const auto copies = [](const core::Broker& broker, storage::QueueId id) {
    std::set<Copy> set;
    for (const core::EntryView& e : broker.ListEntries(id)) {
      // Counts of unsettled ones are told when they return.
      if (e.durable) set.insert({e.message_id.value, e.expires_at_ms, 0});
    }
    return set;
  };
  for (const core::QueueView& queue : broker_->ListQueues()) {
    if (!queue.options.durable) continue;
    if (copies(*broker_, queue.id) != copies(recovered, queue.id)) {
      accounts_.Problem("recovered queue " + queue.name + " differs");
    }
  }
}

void World::PassTime(int64_t ms) {
  now_ms_ += ms;
  Step(core::Tick{});
}

// ---- A run ----

void World::DoSomething() {
  Publisher& publisher = publishers_[Random(static_cast<int>(publishers_.size()))];
  const int dice = Random(1000);
  if (dice < 300) {
    publisher.open ? PublishSome(publisher) : OpenPublisher(publisher);
  } else if (dice < 350) {
    if (consumers_.size() < 6) Subscribe();
  } else if (dice < 600) {
    if (!consumers_.empty()) SettleSome(consumers_[Random(static_cast<int>(consumers_.size()))]);
  } else if (dice < 620) {
    if (!consumers_.empty()) CloseConsumer(Random(static_cast<int>(consumers_.size())));
  } else if (dice < 660) {
    CommitSome();
  } else if (dice < 700) {
    GetSome();
  } else if (dice < 780) {
    PassTime(1 + Random(10));
  } else if (dice < 840) {
    TakeBatch();
  } else if (dice < 870) {
    MovePages();
  } else if (dice < 900) {
    ReportPages();
  } else if (dice < 985) {
    MakeDurable(Chance(80));
  } else if (dice < 990) {
    Settle();
    CompareWithRecovered();
  } else if (dice < 996) {
    Crash();
  } else if (dice < 998) {
    StopAndStart();
  } else {
    publisher.open = false;  // its connection breaks
    Step(core::ClosePublisher{publisher.id});
  }
}

void World::Settle() {
  while (broker_->HasPendingRecords() || !in_flight_.empty() || !unreported_.empty() ||
         broker_->HasPageWork() || !moved_pages_.empty()) {
    TakeBatch();
    MakeDurable(true);
    MovePages();
    ReportPages();
  }
}

void World::DrainAll() {
  while (!consumers_.empty()) CloseConsumer(0);
  leases_.clear();
  for (Publisher& publisher : publishers_) {
    if (!publisher.open) OpenPublisher(publisher);
  }
  // A Get answers with what is in memory, which may be a message at a time.
  for (int round = 0; round < 3000; ++round) {
    Settle();
    PassTime(100);
    for (const QueueKind& queue : queues_) {
      const core::RequestId request{next_id_++};
      gets_[request.value] = &queue;
      Step(core::Get{.request = request,
                     .virtual_host = kHost,
                     .queue = queue.name,
                     .max_messages = 1000,
                     .auto_ack = true});
    }
    Settle();
    const core::Usage& usage = broker_->usage();
    if (usage.ready_messages + usage.delayed_messages + usage.unsettled_messages == 0) break;
  }
  const core::Usage& usage = broker_->usage();
  if (usage.ready_messages + usage.delayed_messages + usage.unsettled_messages != 0) {
    accounts_.Problem("the queues don't become empty");
  }
  if (usage.memory_bytes != 0) accounts_.Problem("memory is counted that nothing takes");
  if (usage.paged_messages != 0 || !pages_.empty()) accounts_.Problem("pages are left over");
  for (const Publisher& publisher : publishers_) {
    if (!publisher.unconfirmed.empty()) accounts_.Problem(publisher.lane + " waits for confirms");
  }
  accounts_.CheckNothingLost();
}

void World::Run(int steps) {
  for (int i = 0; i < steps && accounts_.problems().empty(); ++i) DoSomething();
  if (accounts_.problems().empty()) DrainAll();
}

}  // namespace warren::sim
