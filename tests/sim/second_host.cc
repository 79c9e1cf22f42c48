#include "tests/sim/second_host.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"

namespace warren::sim {
namespace {

// Its clients' ids are all above those of the first host's.
constexpr uint64_t kFirstId = uint64_t{1} << 40;

// So few that the first host's publishers, who mind the broker's sums, aren't held up.
constexpr size_t kBacklogMax = 15;

const std::string kQueues[] = {"dead", "q0", "q1"};

bool IsOurs(const core::Effect& effect) {
  return std::visit(
      [](const auto& e) {
        if constexpr (requires { e.request; }) return e.request.value >= kFirstId;
        if constexpr (requires { e.publisher; }) return e.publisher.value >= kFirstId;
        if constexpr (requires { e.consumer; }) return e.consumer.value >= kFirstId;
        return false;
      },
      effect);
}

}  // namespace

uint64_t SecondHost::NewId() { return kFirstId + ++last_id_; }

void SecondHost::Problem(const std::string& what) {
  if (problem_.empty()) problem_ = absl::StrCat("virtual host \"", kName, "\": ", what);
}

// ---- What its clients do ----

core::Command SecondHost::Next(Random& random) {
  if (!is_there_) {
    asked_for_ = true;
    const core::RequestId request{NewId()};
    declarations_[request.value] = {lives_.size(), ""};
    return core::DeclareVirtualHost{.request = request, .name = kName};
  }
  const uint64_t dice = random.Below(100);
  const std::string& queue = kQueues[random.Below(std::size(kQueues))];
  size_t backlog = 0;
  for (const auto& [name, bodies] : life().queues) backlog += bodies.size();
  if (dice < 6 || backlog > kBacklogMax) return Delete();
  if (life().queues.empty() || dice < 20) {
    storage::QueueOptions options;
    const bool known = life().queues.contains(queue);
    options.durable = known ? life().durable.contains(queue) : random.Chance(75);
    life().queues[queue];
    if (options.durable) life().durable.insert(queue);
    const core::RequestId request{NewId()};
    declarations_[request.value] = {lives_.size() - 1, queue};
    return core::DeclareQueue{
        .request = request, .virtual_host = kName, .name = queue, .options = options};
  }
  if (!publisher_ || dice < 25) {
    publisher_ = {NewId()};
    return core::OpenPublisher{.publisher = publisher_,
                               .virtual_host = kName,
                               .producer_id = "alpha",
                               .takes_over = true};
  }
  if (dice < 40 && life().queues.contains(queue)) {
    const core::ConsumerId consumer{NewId()};
    consumers_[consumer.value] = queue;
    return core::Subscribe{.consumer = consumer,
                           .virtual_host = kName,
                           .queue = queue,
                           .consumer_name = absl::StrCat("c", consumer.value),
                           .prefetch = {.messages = static_cast<uint32_t>(random.From(1, 3))},
                           .declare = {},
                           .bindings = {}};
  }
  return dice < 60 && !unsettled_.empty() ? Settle(random) : Publish(random);
}

core::Command SecondHost::Delete() {
  is_there_ = false;
  life().deleted = true;
  publisher_ = {};
  for (const auto& [consumer, queue] : consumers_) ending_.insert(consumer);
  consumers_.clear();
  unsettled_.clear();
  const core::RequestId request{NewId()};
  deletions_[request.value] = lives_.size() - 1;
  return core::DeleteVirtualHost{.request = request, .name = kName};
}

core::Command SecondHost::Publish(Random& random) {
  core::Publish publish{
      .publisher = publisher_, .first_sequence = next_sequence_, .publications = {}};
  for (uint64_t left = 1 + random.Below(6); left > 0; --left) {
    auto at = life().queues.begin();
    std::advance(at, random.Below(life().queues.size()));
    const std::string& queue = at->first;
    auto message = storage::MakeRef<storage::Message>();
    const std::string body = absl::StrCat("second-", next_sequence_);
    message->routing_key = storage::SharedString(queue);
    message->body = storage::SharedString(body);
    message->persistent = random.Chance(75);
    sent_[next_sequence_++] = {.life = lives_.size() - 1,
                               .queue = queue,
                               .body = body,
                               .must_survive =
                                   message->persistent && life().durable.contains(queue)};
    life().queues[queue].insert(body);
    life().ever[queue].insert(body);
    publish.publications.push_back({.refused = {}, .message = std::move(message)});
  }
  return publish;
}

core::Command SecondHost::Settle(Random& random) {
  const size_t which = random.Below(unsettled_.size());
  const Unsettled settled = unsettled_[which];
  unsettled_.erase(unsettled_.begin() + static_cast<std::ptrdiff_t>(which));
  life().queues[settled.queue].erase(settled.body);
  life().confirmed.erase({settled.queue, settled.body});
  std::erase_if(sent_, [&settled](const auto& s) { return s.second.body == settled.body; });
  return core::Settle{.consumer = settled.consumer, .settlements = {{.tags = {settled.tag}}}};
}

// ---- What they see ----

void SecondHost::Take(core::Effects& effects) {
  const auto ours = std::stable_partition(effects.begin(), effects.end(),
                                          [](const core::Effect& e) { return !IsOurs(e); });
  for (auto e = ours; e != effects.end(); ++e) {
    if (const auto* replied = std::get_if<core::Replied>(&*e)) {
      Answered(*replied);
    } else if (const auto* confirmed = std::get_if<core::Confirmed>(&*e)) {
      Confirmed(*confirmed);
    } else if (const auto* opened = std::get_if<core::PublisherOpened>(&*e)) {
      const uint64_t last = opened->last_sequence;
      if (opened->publisher == publisher_ && last != 0 && last < life().first_sequence) {
        Problem("a producer of an earlier life is remembered");
      }
    } else if (const auto* closed = std::get_if<core::PublisherClosed>(&*e)) {
      if (closed->publisher == publisher_) Problem("its publisher was closed");
    } else if (const auto* delivered = std::get_if<core::Delivered>(&*e)) {
      const auto consumer = consumers_.find(delivered->consumer.value);
      if (consumer == consumers_.end()) {
        // Until its queue's turn to go comes, a consumer may get what is in it.
        if (!ending_.contains(delivered->consumer.value)) Problem("a delivery goes to nobody");
        continue;
      }
      unsettled_.push_back({delivered->consumer, delivered->delivery.tag, consumer->second,
                            delivered->delivery.message->body.str()});
    } else if (const auto* cancelled = std::get_if<core::Cancelled>(&*e)) {
      consumers_.erase(cancelled->consumer.value);
      ending_.erase(cancelled->consumer.value);
      std::erase_if(unsettled_, [cancelled](const Unsettled& u) {
        return u.consumer == cancelled->consumer;
      });
    }
  }
  effects.erase(ours, effects.end());
}

void SecondHost::Answered(const core::Replied& reply) {
  if (const auto deletion = deletions_.find(reply.request.value); deletion != deletions_.end()) {
    if (!reply.status.ok()) Problem("it can't be deleted: " + reply.status.ToString());
    first_possible_ = std::max(first_possible_, deletion->second + 1);
    just_gone_ = true;
  }
  const auto declaration = declarations_.find(reply.request.value);
  if (declaration == declarations_.end()) return;
  const auto& [number, queue] = declaration->second;
  if (!reply.status.ok() || number >= lives_.size()) return;
  Life& declared = lives_[number];
  if (queue.empty()) declared.answered = true;
  if (declared.durable.contains(queue)) declared.declared.insert(queue);
}

void SecondHost::Confirmed(const core::Confirmed& confirmed) {
  for (uint64_t s = confirmed.first_sequence; s <= confirmed.last_sequence; ++s) {
    if (confirmed.outcome != core::Outcome::kAccepted) Problem("a message wasn't accepted");
    const auto sent = sent_.find(s);
    if (sent == sent_.end()) continue;  // settled
    Sent& message = sent->second;
    if (message.must_survive) {
      lives_[message.life].confirmed.insert({message.queue, message.body});
    }
  }
}

// ---- Whether that is right ----

std::string SecondHost::Check(const core::Broker& broker, const storage::LiveState& disk) {
  const bool there = broker.HasVirtualHost(kName);
  if (there && !is_there_) {
    if (!asked_for_) Problem("it is there, and nobody declared it");
    asked_for_ = false;
    is_there_ = true;
    lives_.emplace_back().first_sequence = next_sequence_;
  }
  if (!there && is_there_) Problem("it isn't there any more");
  size_t queues = 0;
  for (const core::QueueView& queue : broker.ListQueues()) {
    if (queue.virtual_host != kName) continue;
    ++queues;
    if (!is_there_) continue;
    const auto known = life().queues.find(queue.name);
    const uint64_t messages = queue.ready + queue.delayed + queue.unsettled;
    if (known == life().queues.end() || known->second.size() != messages) {
      Problem(absl::StrCat("queue ", queue.name, " has ", messages, " messages, and not its own"));
    }
  }
  if (is_there_ && queues != life().queues.size()) Problem("a queue is missing");
  if (std::exchange(just_gone_, false) && !is_there_ && first_possible_ == lives_.size()) {
    if (queues > 0) Problem("its deletion is answered, and its queues are there");
    const absl::Status gone = disk.Emit([](const storage::Record& record) {
      const auto* host = std::get_if<storage::VirtualHostDeclared>(&record);
      return host == nullptr || host->name != kName ? absl::OkStatus()
                                                    : absl::InternalError("it is on disk");
    });
    if (!gone.ok() && !asked_for_) Problem("its deletion is answered, and it is on disk");
  }
  return problem_;
}

SecondHost::Bodies SecondHost::Contents(const core::Broker& broker) {
  Bodies bodies;
  for (const core::QueueView& queue : broker.ListQueues()) {
    if (queue.virtual_host != kName) continue;
    std::multiset<std::string>& here = bodies[queue.name];
    for (const core::EntryView& entry : broker.ListEntries(queue.id)) {
      here.insert(entry.message->body.str());
    }
  }
  return bodies;
}

bool SecondHost::Fits(const Life& life, const Bodies& there) {
  for (const std::string& queue : life.declared) {
    if (!there.contains(queue)) return false;
  }
  for (const auto& [queue, body] : life.confirmed) {
    const auto found = there.find(queue);
    if (found == there.end() || !found->second.contains(body)) return false;
  }
  return std::all_of(there.begin(), there.end(), [&life](const auto& queue) {
    const auto ever = life.ever.find(queue.first);
    return std::all_of(queue.second.begin(), queue.second.end(), [&](const std::string& body) {
      return ever != life.ever.end() && ever->second.contains(body);
    });
  });
}

std::string SecondHost::Restarted(const core::Broker& broker) {
  is_there_ = broker.HasVirtualHost(kName);
  const Bodies there = Contents(broker);
  const auto fits = [&there](const Life& life) { return Fits(life, there); };
  const auto first = lives_.begin() + static_cast<std::ptrdiff_t>(first_possible_);
  if (is_there_ && std::none_of(first, lives_.end(), fits)) {
    Problem("it came back as it never was, or without what was confirmed");
  }
  if (!is_there_ && !lives_.empty() && life().answered && !life().deleted) {
    Problem("it was declared, and is gone");
  }
  Life now;
  now.queues = now.ever = there;
  now.answered = true;
  // The journal knows no more than this, so all that is there has to stay.
  for (const auto& [queue, bodies] : there) {
    now.declared.insert(queue);
    now.durable.insert(queue);
    for (const std::string& body : bodies) now.confirmed.insert({queue, body});
  }
  now.first_sequence = is_there_ && !lives_.empty() ? lives_.front().first_sequence : 0;
  lives_.clear();
  if (is_there_) lives_.push_back(std::move(now));
  first_possible_ = 0;
  asked_for_ = just_gone_ = false;
  publisher_ = {};
  consumers_.clear();
  ending_.clear();
  unsettled_.clear();
  sent_.clear();
  deletions_.clear();
  declarations_.clear();
  return problem_;
}

}  // namespace warren::sim
