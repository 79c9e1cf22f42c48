// The commands of transcripts that are commands of the broker.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/scenarios/commands.h"
#include "tests/scenarios/world.h"

namespace warren::scenarios {

const std::map<std::string, World::Handler, std::less<>>& World::Handlers() {
  static const auto* const kHandlers = new std::map<std::string, Handler, std::less<>>{
      {"host", &World::DeclareHost},
      {"delete_host", &World::DeleteHost},
      {"limit_host", &World::LimitHost},
      {"user", &World::PutUser},
      {"delete_user", &World::DeleteUser},
      {"permit", &World::Permit},
      {"forbid", &World::Forbid},
      {"policy", &World::PutPolicy},
      {"delete_policy", &World::DeletePolicy},
      {"exchange", &World::DeclareExchange},
      {"delete_exchange", &World::DeleteExchange},
      {"queue", &World::DeclareQueue},
      {"delete_queue", &World::DeleteQueue},
      {"purge", &World::Purge},
      {"move", &World::Move},
      {"cancel", &World::Cancel},
      {"bind", &World::BindQueue},
      {"bind_exchange", &World::BindExchange},
      {"unbind", &World::UnbindQueue},
      {"unbind_exchange", &World::UnbindExchange},
      {"open", &World::OpenPublisher},
      {"publish", &World::Publish},
      {"close_publisher", &World::ClosePublisher},
      {"consume", &World::Consume},
      {"settle", &World::Settle},
      {"settle_shared", &World::SettleShared},
      {"ack", &World::Ack},
      {"requeue", &World::Requeue},
      {"reject", &World::Reject},
      {"retry", &World::Retry},
      {"handed_over", &World::HandOver},
      {"prefetch", &World::SetPrefetch},
      {"drain", &World::Drain},
      {"close", &World::CloseConsumer},
      {"get", &World::Get},
      {"ack_call", &World::AckCall},
      {"commit", &World::Commit},
      {"tick", &World::Tick},
      {"journal", &World::SetJournal},
      {"take", &World::Take},
      {"written", &World::Written},
      {"report", &World::Report},
      {"durable", &World::Durable},
      {"memory", &World::LimitMemory},
      {"move_pages", &World::MovePages},
      {"report_pages", &World::ReportPages},
      {"begin_shutdown", &World::BeginShutdown},
      {"finish_shutdown", &World::FinishShutdown},
      {"stop", &World::Stop},
      {"crash", &World::Crash},
      {"state", &World::ShowState},
      {"usage", &World::ShowUsage},
  };
  return *kHandlers;
}

std::string World::HostOf(Arguments& words) { return words.Text("host", "/"); }

core::RequestId World::NewRequest() {
  call_ = {++last_id_};
  names_.requests[call_] = command_;
  return call_;
}

// ---- Topology ----

void World::DeclareHost(Arguments& words, const Details&) {
  Do(words, core::DeclareVirtualHost{.request = NewRequest(), .name = words.Operand("name")});
}

void World::DeleteHost(Arguments& words, const Details&) {
  Do(words, core::DeleteVirtualHost{.request = NewRequest(), .name = words.Operand("name")});
}

void World::LimitHost(Arguments& words, const Details&) {
  core::SetVirtualHostLimits c{.request = NewRequest(), .name = "", .limits = {}};
  const auto limit = [&words](const char* key) {
    const uint64_t none = ~uint64_t{0};
    const uint64_t value = words.Number(key, none);
    return value == none ? std::nullopt : std::optional(value);
  };
  c.limits = {.max_queues = limit("queues"),
              .max_streams = limit("streams"),
              .max_message_bytes = limit("message_bytes")};
  c.name = words.Operand("name");
  Do(words, std::move(c));
}

void World::PutUser(Arguments& words, const Details&) {
  core::PutUser c{.request = NewRequest()};
  c.password_hash = words.Option("hash");
  if (const auto tag = words.Option("tag")) c.tags = {*tag};
  c.name = words.Operand("name");
  Do(words, std::move(c));
}

void World::DeleteUser(Arguments& words, const Details&) {
  Do(words, core::DeleteUser{.request = NewRequest(), .name = words.Operand("name")});
}

void World::Permit(Arguments& words, const Details&) {
  core::SetPermissions c{.request = NewRequest()};
  c.permissions = {.virtual_host = HostOf(words),
                   .configure = words.Text("configure"),
                   .write = words.Text("write"),
                   .read = words.Text("read")};
  c.user = words.Operand("user");
  Do(words, std::move(c));
}

void World::Forbid(Arguments& words, const Details&) {
  core::ClearPermissions c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.user = words.Operand("user");
  Do(words, std::move(c));
}

void World::PutPolicy(Arguments& words, const Details&) {
  core::PutPolicy c{.request = NewRequest()};
  c.policy = {.virtual_host = HostOf(words),
              .name = "",
              .pattern = "",
              .target = PolicyTargetFrom(words.Text("for", "all")),
              .priority = static_cast<int32_t>(words.Number("priority")),
              .queue = *QueueOptionsFrom(words),
              .alternate_exchange = words.Text("alternate")};
  c.policy.name = words.Operand("name");
  c.policy.pattern = words.Operand("pattern");
  Do(words, std::move(c));
}

void World::DeletePolicy(Arguments& words, const Details&) {
  core::DeletePolicy c{.request = NewRequest(), .virtual_host = HostOf(words), .name = ""};
  c.name = words.Operand("name");
  Do(words, std::move(c));
}

void World::DeclareExchange(Arguments& words, const Details&) {
  core::DeclareExchange c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.options = ExchangeOptionsFrom(words);
  c.name = words.Operand("name");
  Do(words, std::move(c));
}

void World::DeleteExchange(Arguments& words, const Details&) {
  core::DeleteExchange c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.if_unused = words.Flag("if_unused");
  c.name = words.Operand("name");
  Do(words, std::move(c));
}

void World::DeclareQueue(Arguments& words, const Details&) {
  core::DeclareQueue c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.options = QueueOptionsFrom(words);
  c.name = words.Operand("name");
  Do(words, std::move(c));
}

void World::DeleteQueue(Arguments& words, const Details&) {
  core::DeleteQueue c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.if_unused = words.Flag("if_unused");
  c.if_empty = words.Flag("if_empty");
  c.name = words.Operand("name");
  Do(words, std::move(c));
}

void World::Purge(Arguments& words, const Details&) {
  core::PurgeQueue c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.name = words.Operand("name");
  Do(words, std::move(c));
}

void World::Move(Arguments& words, const Details&) {
  core::MoveMessages c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.max_messages = static_cast<uint32_t>(words.Number("max", c.max_messages));
  c.source = words.Operand("source");
  c.destination = words.Operand("destination");
  Do(words, std::move(c));
}

void World::Cancel(Arguments& words, const Details&) {
  core::CancelScheduledMessages c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.all = words.Flag("all");
  c.queue = words.Operand("queue");
  for (std::string id = words.OptionalOperand(); !id.empty(); id = words.OptionalOperand()) {
    if (id[0] == '#') {
      c.ids.push_back({std::stoull(id.substr(1))});
    } else {
      c.message_ids.push_back(std::move(id));
    }
  }
  Do(words, std::move(c));
}

void World::BindQueue(Arguments& words, const Details&) {
  core::Bind c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.binding = BindingFrom(words, core::DestinationKind::kQueue);
  Do(words, std::move(c));
}

void World::BindExchange(Arguments& words, const Details&) {
  core::Bind c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.binding = BindingFrom(words, core::DestinationKind::kExchange);
  Do(words, std::move(c));
}

void World::UnbindQueue(Arguments& words, const Details&) {
  core::Unbind c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.binding = BindingFrom(words, core::DestinationKind::kQueue);
  Do(words, std::move(c));
}

void World::UnbindExchange(Arguments& words, const Details&) {
  core::Unbind c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.binding = BindingFrom(words, core::DestinationKind::kExchange);
  Do(words, std::move(c));
}

// ---- Publishers ----

void World::OpenPublisher(Arguments& words, const Details&) {
  core::OpenPublisher c{.publisher = {++last_id_}, .virtual_host = HostOf(words)};
  c.takes_over = words.Flag("takes_over");
  c.producer_id = words.Text("producer");
  const std::string name = words.Operand("name");
  names_.publishers[c.publisher] = name;
  publishers_[name] = {.id = c.publisher};
  Do(words, std::move(c));
}

core::PublisherId World::PublisherOf(const std::string& name, const std::string& host) {
  if (!publishers_.contains(name)) {
    const core::PublisherId id{++last_id_};
    names_.publishers[id] = name;
    publishers_[name] = {.id = id};
    opened_implicitly_.insert(id);
    Step(core::OpenPublisher{.publisher = id, .virtual_host = host});
  }
  return publishers_[name].id;
}

void World::Publish(Arguments& words, const Details& details) {
  const std::string name = words.Text("by", "p");
  core::Publish c{.publisher = PublisherOf(name, HostOf(words))};
  if (!c.publisher) return;  // refused
  uint64_t& next_sequence = publishers_[name].next_sequence;
  c.first_sequence = words.Number("seq", next_sequence);
  next_sequence = std::max(next_sequence, c.first_sequence + 1 + details.size());
  c.publications.push_back(PublicationFrom(words));
  for (const std::string& detail : details) {
    Arguments more(detail);
    c.publications.push_back(PublicationFrom(more));
    if (const std::string error = more.error(); !error.empty()) return Fail(error);
  }
  Do(words, std::move(c));
}

void World::ClosePublisher(Arguments& words, const Details&) {
  const std::string name = words.Operand("name");
  const core::PublisherId id = publishers_[name].id;
  publishers_.erase(name);
  Do(words, core::ClosePublisher{id});
}

// ---- Consumers ----

core::ConsumerId World::ConsumerOf(const std::string& name) {
  const auto it = consumers_.find(name);
  if (it != consumers_.end()) return it->second;
  Fail(absl::StrCat("no such consumer: ", name));
  return {};
}

void World::Consume(Arguments& words, const Details& details) {
  core::Subscribe c{.consumer = {++last_id_}, .virtual_host = HostOf(words)};
  c.auto_ack = words.Flag("auto_ack");
  c.exclusive = words.Flag("exclusive");
  if (words.Flag("show")) shown_.insert(c.consumer);
  const bool anonymous = words.Flag("anonymous");
  c.prefetch = PrefetchFrom(words);
  if (const std::string stream = words.Text("stream", ""); !stream.empty()) {
    c.stream = StreamOf(stream);
  }
  const std::string name = words.Operand("name");
  c.consumer_name = anonymous ? "" : words.Text("named", name);
  c.queue = words.Operand("queue");
  for (const std::string& detail : details) {
    Arguments more(detail);
    const std::string verb = more.Operand("declare or bind");
    if (verb == "declare") {
      c.declare = QueueOptionsFrom(more);
    } else if (verb == "bind") {
      core::BindingSpec binding;
      binding.arguments = more.Headers("arg");
      binding.source = more.Operand("source");
      binding.key = more.OptionalOperand();
      c.bindings.push_back(std::move(binding));
    }
    if (const std::string error = more.error(); !error.empty()) return Fail(error);
  }
  names_.consumers[c.consumer] = name;
  consumers_[name] = c.consumer;
  Do(words, std::move(c));
}

core::Settlement World::SettlementOf(const std::string& detail) {
  Arguments words(detail);
  const auto outcome = OutcomeFrom(words.Operand("outcome"));
  core::Settlement settlement =
      SettlementFrom(outcome.value_or(core::SettleOutcome::kAck), words);
  if (!outcome) Fail(absl::StrCat("no settlement: ", detail));
  if (const std::string error = words.error(); !error.empty()) Fail(error);
  return settlement;
}

void World::Settle(Arguments& words, const Details& details) {
  core::Settle c{.settle_id = words.Number("id")};
  c.consumer = ConsumerOf(words.Operand("consumer"));
  for (const std::string& detail : details) c.settlements.push_back(SettlementOf(detail));
  if (!malformed_) Do(words, std::move(c));
}

core::ConsumerId World::StreamOf(const std::string& name) {
  core::ConsumerId& stream = consumers_[name];
  if (!stream) {
    stream = {++last_id_};
    names_.consumers[stream] = name;
  }
  return stream;
}

void World::SettleShared(Arguments& words, const Details& details) {
  core::Settle c{.settle_id = words.Number("id"), .shared = true};
  c.consumer = StreamOf(words.Operand("stream"));
  for (const std::string& detail : details) {
    const size_t begin = std::min(detail.find_first_not_of(' '), detail.size());  // its indent
    const size_t space = std::min(detail.find(' ', begin), detail.size());
    core::Settlement settlement = SettlementOf(detail.substr(space));
    settlement.consumer = ConsumerOf(detail.substr(begin, space - begin));
    settlement.subscription = static_cast<uint32_t>(settlement.consumer.value);
    c.settlements.push_back(std::move(settlement));
  }
  if (!malformed_) Do(words, std::move(c));
}

void World::SettleOne(core::SettleOutcome outcome, Arguments& words) {
  core::Settle c{.settle_id = words.Number("id")};
  c.consumer = ConsumerOf(words.Operand("consumer"));
  c.settlements.push_back(SettlementFrom(outcome, words));
  if (!malformed_) Do(words, std::move(c));
}

void World::Ack(Arguments& words, const Details&) { SettleOne(core::SettleOutcome::kAck, words); }

void World::Requeue(Arguments& words, const Details&) {
  SettleOne(core::SettleOutcome::kRequeue, words);
}

void World::Reject(Arguments& words, const Details&) {
  SettleOne(core::SettleOutcome::kReject, words);
}

void World::Retry(Arguments& words, const Details&) {
  SettleOne(core::SettleOutcome::kRetry, words);
}

void World::HandOver(Arguments& words, const Details&) {
  core::HandedOver c{.up_to = {words.Number("up_to")}};
  c.consumer = ConsumerOf(words.Operand("consumer"));
  Do(words, c);
}

void World::SetPrefetch(Arguments& words, const Details&) {
  core::SetPrefetch c{.prefetch = PrefetchFrom(words)};
  c.consumer = ConsumerOf(words.Operand("consumer"));
  Do(words, c);
}

void World::Drain(Arguments& words, const Details&) {
  Do(words, core::DrainConsumer{ConsumerOf(words.Operand("consumer"))});
}

void World::CloseConsumer(Arguments& words, const Details&) {
  Do(words, core::CloseConsumer{ConsumerOf(words.Operand("consumer"))});
}

// ---- Calls ----

void World::Get(Arguments& words, const Details&) {
  core::Get c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.auto_ack = words.Flag("auto_ack");
  c.max_messages = static_cast<uint32_t>(words.Number("max", 1));
  c.lease_ms = words.Duration("lease").value_or(c.lease_ms);
  c.queue = words.Operand("queue");
  Do(words, std::move(c));
}

void World::AckCall(Arguments& words, const Details& details) {
  core::Ack c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.consumer_name = words.OptionalOperand();
  for (const std::string& detail : details) c.settlements.push_back(SettlementOf(detail));
  if (!malformed_) Do(words, std::move(c));
}

void World::AddDetail(core::Commit& commit, const std::string& detail) {
  Arguments words(detail);
  const std::string verb = words.Operand("publish or an outcome");
  if (verb == "publish") {
    commit.publications.push_back(PublicationFrom(words));
  } else if (const auto outcome = OutcomeFrom(verb)) {
    core::TransactionSettlement settlement{.consumer_name = words.Operand("consumer")};
    settlement.settlement = SettlementFrom(*outcome, words);
    commit.settlements.push_back(std::move(settlement));
  } else {
    Fail(absl::StrCat("no part of a transaction: ", detail));
  }
  if (const std::string error = words.error(); !error.empty()) Fail(error);
}

void World::Commit(Arguments& words, const Details& details) {
  core::Commit c{.request = NewRequest(), .virtual_host = HostOf(words)};
  c.producer_id = words.Text("producer");
  c.sequence = words.Number("seq");
  for (const std::string& detail : details) AddDetail(c, detail);
  if (!malformed_) Do(words, std::move(c));
}

}  // namespace warren::scenarios
