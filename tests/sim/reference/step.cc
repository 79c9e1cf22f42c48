// One step of the reference, and what it compares.
#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "tests/sim/describe.h"
#include "tests/sim/reference/reference.h"

namespace warren::sim {
namespace {

bool IsLeased(const Copy& copy) {
  return copy.place == core::EntryPlace::kUnsettled && !copy.consumer;
}

}  // namespace

Reference::Reference() {
  using storage::ExchangeType;
  static constexpr std::pair<const char*, ExchangeType> kPredeclared[] = {
      {"amq.direct", ExchangeType::kDirect},   {"amq.fanout", ExchangeType::kFanout},
      {"amq.topic", ExchangeType::kTopic},     {"amq.headers", ExchangeType::kHeaders},
      {"amq.match", ExchangeType::kHeaders},
  };
  for (const auto& [name, type] : kPredeclared) {
    state_.exchanges.push_back({.number = state_.next_number++,
                                .name = name,
                                .declared = {.type = type, .durable = true},
                                .options = {.type = type, .durable = true}});
  }
  snapshots_[0] = state_;
}

void Reference::Problem(const std::string& what) {
  if (problem_.empty()) problem_ = what;
}

std::string Reference::Step(int64_t now_ms, const core::Command& command,
                            const core::Effects& effects) {
  now_ms_ = std::max(now_ms_, now_ms);
  effects_ = &effects;
  expected_.clear();
  rests_on_ = 0;
  std::visit([this](const auto& c) { Handle(c); }, command);
  RunTimers();
  FollowPolicies();
  FinishRound();
  for (const core::Effect& effect : effects) Release(effect);
  FinishRound();
  for (const core::Effect& effect : effects) {
    if (const auto* confirmed = std::get_if<core::Confirmed>(&effect)) TakeConfirm(*confirmed);
  }
  for (const auto& [origin, expected] : confirms_) {
    if (expected.at_once) {
      Problem(absl::StrCat("publisher ", origin.publisher.value, " should have heard of ",
                           origin.sequence, " at once"));
    }
  }
  CompareEffects(effects);
  effects_ = nullptr;
  return std::exchange(problem_, "");
}

// Dead letters find their queues, one after the other; then exchanges that were to go, go.
void Reference::FinishRound() {
  while (!dead_letters_.empty()) {
    const DeadLetterOnItsWay dead = std::move(dead_letters_.front());
    dead_letters_.pop_front();
    RouteDeadLetter(dead);
  }
  while (!idle_exchanges_.empty()) {
    const std::string name = idle_exchanges_.back();
    idle_exchanges_.pop_back();
    const bool used = std::any_of(state_.bindings.begin(), state_.bindings.end(),
                                  [&](const ReferenceBinding& b) { return b.source == name; });
    if (!used && state_.FindExchange(name) != nullptr) RemoveExchange(name);
  }
}

// What is due, the longest overdue first (after a recovery much may be). Of equals queues come
// before leases, and the older before the younger.
void Reference::RunTimers() {
  enum Kind : uint8_t { kQueue, kLease };
  for (;;) {
    std::optional<std::tuple<int64_t, Kind, uint64_t>> first;
    const auto offer = [&](int64_t at_ms, Kind kind, uint64_t id) {
      const std::tuple candidate(at_ms, kind, id);
      if (at_ms <= now_ms_ && (!first || candidate < *first)) first = candidate;
    };
    for (auto& [number, queue] : state_.queues) {
      if (const auto at_ms = DeadlineOf(queue)) offer(*at_ms, kQueue, number);
      for (const auto& [id, seen] : queue.seen) offer(seen.until_ms, kQueue, number);
      for (const Copy& copy : queue.copies) {
        if (IsLeased(copy)) offer(copy.lease_until_ms, kLease, copy.tag);
      }
    }
    if (!first) return;
    const auto [at_ms, kind, id] = *first;
    if (kind == kLease) {
      EndLease(id);
      continue;
    }
    ReferenceQueue& queue = state_.queues.at(id);
    std::erase_if(queue.seen, [this](const auto& s) { return s.second.until_ms <= now_ms_; });
    const auto& expires = queue.options.expires_ms;
    if (expires && !HasConsumer(queue) && queue.last_used_ms + *expires <= now_ms_) {
      RemoveQueue(queue);
    } else {
      ExpireDue(queue);
    }
  }
}

std::optional<int64_t> Reference::DeadlineOf(const ReferenceQueue& queue) const {
  std::optional<int64_t> first;
  const auto offer = [&first](int64_t at_ms) { first = std::min(first.value_or(at_ms), at_ms); };
  if (queue.options.expires_ms && !HasConsumer(queue)) {
    offer(queue.last_used_ms + *queue.options.expires_ms);
  }
  for (const Copy& copy : queue.copies) {
    if (const int64_t at_ms = sim::DeadlineOf(copy); at_ms != 0) offer(at_ms);
  }
  return first;
}

std::optional<int64_t> Reference::NextDeadline() const {
  std::optional<int64_t> next;
  const auto offer = [&next](int64_t at_ms) { next = std::min(next.value_or(at_ms), at_ms); };
  for (const auto& [number, queue] : state_.queues) {
    if (const auto at_ms = DeadlineOf(queue)) offer(*at_ms);
    for (const Copy& copy : queue.copies) {
      if (IsLeased(copy)) offer(copy.lease_until_ms);
    }
  }
  return next;
}

// ---- Answers that wait for the journal ----

void Reference::Wait(Answer answer, uint64_t id, std::function<void()> then, uint64_t settle_id) {
  waiting_.push_back({.answer = answer,
                      .id = id,
                      .settle_id = settle_id,
                      .needs_lsn = rests_on_,
                      .then = std::move(then)});
}

void Reference::Reply(core::RequestId request, absl::Status status,
                      decltype(core::Replied::result) result) {
  core::Replied replied{
      .request = request, .status = std::move(status), .result = std::move(result)};
  if (!replied.status.ok()) return Emit(std::move(replied));
  Wait(Answer::kReplied, request.value, [this, replied] { Emit(replied); });
}

bool Reference::IsAnsweredNow(core::RequestId request) const {
  return std::any_of(effects_->begin(), effects_->end(), [request](const core::Effect& effect) {
    const auto* replied = std::get_if<core::Replied>(&effect);
    return replied != nullptr && replied->request == request;
  });
}

void Reference::Release(const core::Effect& effect) {
  Waiting like{};
  if (const auto* opened = std::get_if<core::PublisherOpened>(&effect)) {
    like = {.answer = Answer::kOpened, .id = opened->publisher.value};
  } else if (const auto* subscribed = std::get_if<core::Subscribed>(&effect)) {
    like = {.answer = Answer::kSubscribed, .id = subscribed->consumer.value};
  } else if (const auto* settled = std::get_if<core::SettleAnswered>(&effect)) {
    like = {.answer = Answer::kSettled,
            .id = settled->consumer.value,
            .settle_id = settled->settle_id};
  } else if (const auto* replied = std::get_if<core::Replied>(&effect)) {
    like = {.answer = Answer::kReplied, .id = replied->request.value};
  } else {
    return;
  }
  const auto it = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) {
    return w.answer == like.answer && w.id == like.id && w.settle_id == like.settle_id;
  });
  if (it == waiting_.end()) return;  // it didn't have to wait
  if (it->needs_lsn > committed_lsn_) {
    Problem(absl::StrCat("\"", Describe(effect), "\" comes before batch ", it->needs_lsn,
                         ", on which it rests, is on disk"));
  }
  const Waiting waiting = std::move(*it);
  waiting_.erase(it);
  waiting.then();
}

std::string Reference::CheckNobodyWaits() const {
  if (!waiting_.empty()) {
    return absl::StrCat("an answer of kind ", static_cast<int>(waiting_.front().answer), " to ",
                        waiting_.front().id, " waits for nothing");
  }
  if (!confirms_.empty()) {
    const Origin& origin = confirms_.begin()->first;
    return absl::StrCat("the confirm of ", origin.sequence, " to publisher ",
                        origin.publisher.value, " waits for nothing");
  }
  return "";
}

// ---- Confirms ----

void Reference::ExpectConfirm(Origin origin, core::Outcome outcome, bool at_once,
                              std::string error) {
  confirms_[origin] = {.outcome = outcome, .error = std::move(error), .at_once = at_once};
}

// Whether a crash now, whatever part of what is on its way it takes along, leaves it there, or that
// whose dead letter it is.
bool Reference::Survives(const Life& life) const {
  if (!life.durable || life.born_lsn <= committed_lsn_) return true;
  return life.dead_letter_of != nullptr && Survives(*life.dead_letter_of);
}

bool Reference::IsSafe(Origin origin) {
  for (const Gone& gone : gone_in_transactions_) {
    if (gone.origin == origin && !Survives(*gone.life)) return false;
  }
  for (const auto& [number, queue] : state_.queues) {
    for (const Copy& copy : queue.copies) {
      if (copy.origin == origin && !Survives(*copy.life)) return false;
    }
  }
  return true;
}

void Reference::TakeConfirm(const core::Confirmed& confirmed) {
  for (uint64_t s = confirmed.first_sequence; s <= confirmed.last_sequence; ++s) {
    const Origin origin{confirmed.publisher, s};
    const auto it = confirms_.find(origin);
    if (it == confirms_.end()) {
      Problem(absl::StrCat("\"", Describe(confirmed), "\" answers ", s, ", which nobody asked"));
      continue;
    }
    const std::string error =
        confirmed.error.ok() ? "" : ErrorInfoOf(confirmed.error).reason;
    if (it->second.outcome != confirmed.outcome || it->second.error != error) {
      Problem(absl::StrCat("\"", Describe(confirmed), "\" should be outcome ",
                           static_cast<int>(it->second.outcome), " ", it->second.error));
    }
    if (confirmed.outcome == core::Outcome::kAccepted && !IsSafe(origin)) {
      Problem(absl::StrCat("\"", Describe(confirmed), "\" comes while a crash could lose ", s));
    }
    if (!it->second.at_once && it->second.needs_lsn > committed_lsn_) {
      Problem(absl::StrCat("\"", Describe(confirmed),
                           "\" comes while a crash could make a repeat of ", s, " pass for new"));
    }
    confirms_.erase(it);
  }
}

// ---- What is seen ----

void Reference::CompareEffects(const core::Effects& effects) {
  auto expected = expected_.begin();
  for (const core::Effect& effect : effects) {
    if (std::holds_alternative<core::Confirmed>(effect)) continue;
    const std::string text = Describe(effect);
    if (expected == expected_.end()) return Problem(absl::StrCat("\"", text, "\" is too much"));
    const std::string wanted = Describe(*expected++);
    if (text != wanted) return Problem(absl::StrCat("\"", text, "\" should be \"", wanted, "\""));
  }
  if (expected != expected_.end()) {
    Problem(absl::StrCat("\"", Describe(*expected), "\" is missing"));
  }
}

void Reference::BatchTaken(uint64_t lsn) {
  if (lsn != open_lsn_) Problem(absl::StrCat("batch ", lsn, " should be ", open_lsn_));
  snapshots_[lsn] = state_;
  snapshots_.erase(snapshots_.begin(), snapshots_.lower_bound(committed_lsn_));
  ++open_lsn_;
}

}  // namespace warren::sim
