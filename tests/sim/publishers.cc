// Simulated publishers, and what they publish.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "tests/sim/reference/routing.h"
#include "tests/sim/world.h"

namespace warren::sim {
namespace {

// Above it clients don't publish, so that walking everything stays cheap.
constexpr uint64_t kBacklogMax = 60;
constexpr char kNowhere[] = "nowhere";  // an exchange that isn't there

}  // namespace


void World::OpenPublisher(Publisher& publisher) {
  publisher.id = {next_id_++};
  publisher.open = publisher.deaf = false;
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
    publish.publications.back().resent = true;
    Do(std::move(publish));
  }
}

void World::BreakPublisher(Random& random) {
  Publisher& publisher = PickPublisher(random);
  if (!publisher.open) return;
  // Answers are lost until it notices, comes again and sends again.
  publisher.deaf = true;
  if (random.Chance(50)) return;
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
  if (random.Chance(25)) sent.message_id = absl::StrCat("id", random.Below(3));
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

  if (KeepsAccounts()) Account(sent);
  return sent;
}

// Which queues it must come out of in the end, as long as nobody changes the topology.
void World::Account(const Sent& sent) {
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
  std::vector<const QueueSetting*> to;
  // One that expires, or may be a repeat, need not come out.
  const bool tame = sent.expiration_ms < 0 && sent.message_id.empty();
  for (const std::string& name :
       Route(exchanges, bindings, sent.exchange, sent.key, sent.headers)) {
    const QueueSetting* queue = accounts_.Setting(name);
    if (queue != nullptr && tame) to.push_back(queue);
  }
  accounts_.Published(sent.body, to, sent.persistent);
}

void World::PublishSome(Random& random) {
  Publisher& publisher = PickPublisher(random);
  if (!publisher.open || (publisher.deaf && random.Chance(30))) return OpenPublisher(publisher);
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

}  // namespace warren::sim
