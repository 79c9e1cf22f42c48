// What a broker must be after a crash, and whether it is.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/describe.h"
#include "tests/sim/reference/reference.h"
#include "tests/sim/settings.h"

namespace warren::sim {
namespace {

const char* NameOf(core::EntryPlace place) {
  static constexpr const char* kNames[] = {"held", "delayed", "ready", "unsettled", "dying"};
  return kNames[static_cast<int>(place)];
}

std::string Describe(const Copy& c) {
  return absl::StrCat(NameOf(c.place), " ", sim::Describe(*c.message), " expires ", c.expires_at_ms,
                      " due ", c.place == core::EntryPlace::kDelayed ? c.due_at_ms : 0,
                      " delivered ", c.deliveries, "x, redelivered ",
                      c.redelivered || c.deliveries > 0);
}

std::string Describe(const core::EntryView& e) {
  return absl::StrCat(NameOf(e.place), " ", sim::Describe(*e.message), " expires ", e.expires_at_ms,
                      " due ", e.due_at_ms, " delivered ", e.delivery_count, "x, redelivered ",
                      e.redelivered);
}

// By what tells most differences apart; the words are for people.
bool IsAlike(const Copy& c, const core::EntryView& e) {
  const bool same_message = c.message.get() == e.message.get() ||
                            storage::SameMessage(*c.message, *e.message);
  return same_message && c.place == e.place && c.expires_at_ms == e.expires_at_ms &&
         (c.place != core::EntryPlace::kDelayed || c.due_at_ms == e.due_at_ms) &&
         c.deliveries == e.delivery_count && c.life->durable == e.durable &&
         (c.redelivered || c.deliveries > 0) == e.redelivered &&
         (!c.id || c.id == e.message_id);
}

// Ready ones as they will be delivered, delayed ones as they come due, unsettled ones as they were
// delivered (leases last), held ones as they were published: as the broker lists them.
std::vector<Copy*> Listed(ReferenceQueue& queue) {
  std::vector<Copy*> copies;
  for (Copy& copy : queue.copies) copies.push_back(&copy);
  const auto rank = [](const Copy& c) {
    switch (c.place) {
      case core::EntryPlace::kReady: return 0;
      case core::EntryPlace::kDelayed: return 1;
      case core::EntryPlace::kUnsettled: return c.consumer ? 2 : 3;
      default: return 4;
    }
  };
  std::sort(copies.begin(), copies.end(), [&](const Copy* a, const Copy* b) {
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    switch (rank(*a)) {
      case 0:
        return a->priority != b->priority ? a->priority > b->priority : a->position < b->position;
      case 1:
        return a->due_at_ms != b->due_at_ms ? a->due_at_ms < b->due_at_ms
                                            : a->published < b->published;
      case 2:
      case 3:
        return a->consumer != b->consumer ? a->consumer < b->consumer : a->tag < b->tag;
      default:
        return a->published < b->published;
    }
  });
  return copies;
}

// Those of the host that the reference knows.
std::vector<core::QueueView> QueuesOf(const core::Broker& broker) {
  std::vector<core::QueueView> views = broker.ListQueues();
  std::erase_if(views, [](const core::QueueView& v) { return v.virtual_host != kHost; });
  return views;
}

}  // namespace

std::string Reference::CompareQueues(ReferenceState& state, const core::Broker& broker) {
  const std::vector<core::QueueView> views = QueuesOf(broker);
  if (views.size() != state.queues.size()) {
    return absl::StrCat("there are ", views.size(), " queues, not ", state.queues.size());
  }
  auto view = views.begin();
  for (auto& [number, queue] : state.queues) {
    if (view->name != queue.name) {
      return absl::StrCat("queue ", view->name, " should be ", queue.name);
    }
    const std::vector<core::EntryView> entries = broker.ListEntries(view->id);
    const std::vector<Copy*> copies = Listed(queue);
    for (size_t i = 0; i < std::max(copies.size(), entries.size()); ++i) {
      if (i < copies.size() && i < entries.size() && IsAlike(*copies[i], entries[i])) {
        copies[i]->id = entries[i].message_id;
        continue;
      }
      return absl::StrCat(
          "queue ", queue.name, " has at place ", i, ": ",
          i < entries.size() ? Describe(entries[i]) : "nothing", "; should be: ",
          i < copies.size() ? Describe(*copies[i]) : "nothing");
    }
    ++view;
  }
  return "";
}

std::string Reference::Compare(const core::Broker& broker) { return CompareQueues(state_, broker); }

// What of a broker's state is durable, as the next broker finds it.
ReferenceState Reference::Recovered(const ReferenceState& snapshot, int64_t now_ms) {
  ReferenceState state = snapshot;
  std::erase_if(state.queues, [](const auto& q) { return !q.second.durable(); });
  std::erase_if(state.exchanges, [](const ReferenceExchange& e) { return !e.options.durable; });
  std::erase_if(state.bindings, [](const ReferenceBinding& b) { return !b.durable; });
  for (ReferenceExchange& exchange : state.exchanges) {
    std::erase_if(exchange.seen, [](const auto& s) { return !s.second.durable; });
  }
  for (auto& [number, queue] : state.queues) {
    std::erase_if(queue.seen, [](const auto& s) { return !s.second.durable; });
    std::erase_if(queue.copies, [](const Copy& c) { return !c.life->durable; });
    queue.turns.clear();
    queue.last_used_ms = now_ms;
    struct Place {
      int64_t joined_ms;
      Copy* copy;
    };
    std::vector<Place> ready;
    bool any_overdue = false;
    for (Copy& copy : queue.copies) {
      copy.life = std::make_shared<Life>(Life{.durable = true});
      copy.origin = {};
      copy.consumer = {};
      copy.tag = 0;
      copy.expires_at_ms = copy.told_expires_at_ms;
      copy.due_at_ms = copy.told_due_at_ms;
      copy.deliveries = copy.told_deliveries;
      copy.redelivered = false;
      copy.position = copy.published;
      const bool overdue = copy.due_at_ms != 0 && copy.due_at_ms <= now_ms;
      const bool delayed = copy.due_at_ms > now_ms;
      copy.place = delayed ? core::EntryPlace::kDelayed : core::EntryPlace::kReady;
      any_overdue = any_overdue || overdue;
      if (!delayed) {
        ready.push_back({overdue ? copy.due_at_ms : copy.message->published_at_ms, &copy});
      }
      if (overdue) copy.due_at_ms = 0;
    }
    if (!any_overdue) continue;
    // Those that came due meanwhile stand among what was published then.
    std::sort(ready.begin(), ready.end(), [](const Place& a, const Place& b) {
      return a.joined_ms != b.joined_ms ? a.joined_ms < b.joined_ms
                                        : a.copy->published < b.copy->published;
    });
    for (const Place& place : ready) place.copy->position = state.next_number++;
  }
  return state;
}

// "Redelivered" is the one thing that recovery may exaggerate: it must be said of all that may have
// been delivered, and only of queues that anyone took from. What is so is learnt.
std::string Reference::CheckFlags(ReferenceState& state, const core::Broker& broker) const {
  const std::vector<core::QueueView> views = QueuesOf(broker);
  for (auto& [number, queue] : state.queues) {
    const auto view = std::find_if(views.begin(), views.end(), [&](const core::QueueView& v) {
      return v.name == queue.name;
    });
    if (view == views.end()) return absl::StrCat("queue ", queue.name, " is lost");
    for (const core::EntryView& entry : broker.ListEntries(view->id)) {
      const auto copy =
          std::find_if(queue.copies.begin(), queue.copies.end(),
                       [&](const Copy& c) { return c.id == entry.message_id; });
      if (copy == queue.copies.end()) {
        return absl::StrCat("queue ", queue.name, " has too much: ", Describe(entry));
      }
      if (!entry.redelivered && handed_out_.contains(copy->number)) {
        return absl::StrCat("queue ", queue.name, " doesn't flag as redelivered: ",
                            Describe(entry));
      }
      if (entry.redelivered && copy->deliveries == 0 && !consumed_.contains(number)) {
        return absl::StrCat("queue ", queue.name, " flags as redelivered: ", Describe(entry));
      }
      copy->redelivered = entry.redelivered;
    }
  }
  return "";
}

std::string Reference::CheckRecovered(uint64_t lsn, int64_t now_ms,
                                      const core::Broker& broker) const {
  ReferenceState state = Recovered(snapshots_.at(lsn), now_ms);
  std::string problem = CheckFlags(state, broker);
  if (problem.empty()) problem = CompareQueues(state, broker);
  return problem.empty() ? "" : absl::StrCat("after recovery from batch ", lsn, ", ", problem);
}

std::string Reference::CheckKnown(uint64_t lsn, int64_t now_ms,
                                  const storage::LiveState& disk) const {
  std::map<uint64_t, std::string> owners;  // of windows, by id
  std::map<std::pair<std::string, std::string>, int64_t> seen;  // owner, message id: until
  std::map<std::string, uint64_t> sequences;
  const absl::Status status = disk.Emit([&](const storage::Record& record) {
    if (const auto* exchange = std::get_if<storage::ExchangeDeclared>(&record)) {
      owners[exchange->id.value] = absl::StrCat("exchange ", exchange->name);
    } else if (const auto* queue = std::get_if<storage::QueueDeclared>(&record)) {
      owners[queue->id.value] = absl::StrCat("queue ", queue->name);
    } else if (const auto* sighting = std::get_if<storage::MessageIdSeen>(&record)) {
      const uint64_t id = sighting->queue ? sighting->queue.value : sighting->exchange.value;
      seen[{owners[id], sighting->message_id}] = sighting->until_ms;
    } else if (const auto* producer = std::get_if<storage::ProducerAdvanced>(&record);
               producer != nullptr && producer->virtual_host == kHost) {
      sequences[producer->producer_id] = producer->last_sequence;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return std::string(status.message());

  const ReferenceState& state = snapshots_.at(lsn);
  std::string problem;
  const auto check = [&](const std::string& owner, const std::map<std::string, SeenUntil>& known) {
    for (const auto& [id, until] : known) {
      if (!until.durable || until.until_ms <= now_ms) continue;
      const auto it = seen.find({owner, id});
      if (it == seen.end() || it->second != until.until_ms) {
        problem = absl::StrCat("batch ", lsn, " lacks message id ", id, " of ", owner);
      }
    }
  };
  for (const ReferenceExchange& e : state.exchanges) {
    if (e.options.durable) check(absl::StrCat("exchange ", e.name), e.seen);
  }
  for (const auto& [number, q] : state.queues) {
    if (q.durable()) check(absl::StrCat("queue ", q.name), q.seen);
  }
  for (const auto& [producer, last] : state.sequences) {
    if (last != 0 && sequences[producer] != last) {
      problem = absl::StrCat("batch ", lsn, " has sequence ", sequences[producer], " of producer ",
                             producer, ", not ", last);
    }
  }
  return problem;
}

std::string Reference::Restart(uint64_t lsn, int64_t now_ms, const core::Broker& broker) {
  std::string problem = CheckRecovered(lsn, now_ms, broker);
  ReferenceState state = Recovered(snapshots_.at(lsn), now_ms);
  if (problem.empty()) problem = CheckFlags(state, broker);
  now_ms_ = std::max(now_ms_, now_ms);
  state.next_number = std::max(state.next_number, state_.next_number);  // none is used twice
  state_ = std::move(state);
  stopping_ = false;
  consumers_.clear();
  publishers_.clear();
  producers_.clear();
  last_lease_ = 0;
  open_lsn_ = 1;
  committed_lsn_ = 0;
  snapshots_.clear();
  snapshots_[0] = state_;
  waiting_.clear();
  confirms_.clear();
  gone_in_transactions_.clear();
  return problem;
}

}  // namespace warren::sim
