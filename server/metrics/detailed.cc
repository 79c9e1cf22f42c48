#include "server/metrics/detailed.h"

#include <re2/re2.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/broker.h"
#include "server/metrics/families.h"
#include "server/runtime/clock.h"

namespace warren::metrics {
namespace {

using core::QueueFigures;
using storage::DeathReason;

constexpr std::chrono::seconds kPatience{2};
// Copying a queue's figures out takes the loop about 100 ns.
constexpr size_t kQueuesAtATime = 1'024;
// Of memory for a regular expression; what would take more is refused.
constexpr int64_t kRegexMemory = int64_t{1} << 20;

std::optional<std::string> Parameter(const Query& query, const std::string& name) {
  const auto it = query.find(name);
  return it != query.end() ? std::optional(it->second) : std::nullopt;
}

// Null for one that RE2 doesn't take; `why` says why.
std::unique_ptr<RE2> Compile(const std::string& regex, std::string& why) {
  if (regex.size() > Detailed::kRegexBytesMax) {
    why = absl::StrCat("it has ", regex.size(), " bytes; at most ", Detailed::kRegexBytesMax,
                       " are allowed");
    return nullptr;
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemory);
  auto compiled = std::make_unique<RE2>(regex, options);
  why = compiled->error();
  return compiled->ok() ? std::move(compiled) : nullptr;
}

uint64_t MessagesOf(const QueueFigures& queue) {
  return queue.ready + queue.unsettled + queue.delayed;
}

// All queues that `wanted` holds for; none if the loop doesn't answer.
std::optional<std::vector<QueueFigures>> Measure(
    runtime::Vitals& vitals, const std::function<bool(const QueueFigures&)>& wanted) {
  std::vector<QueueFigures> found;
  storage::QueueId last;
  while (true) {
    std::vector<QueueFigures> some;
    const auto measure = [&](const runtime::Insight& now) {
      some = now.broker.MeasureQueues(last, kQueuesAtATime);
    };
    if (!vitals.Ask(measure, kPatience)) return std::nullopt;
    if (some.empty()) return found;
    last = some.back().id;
    for (QueueFigures& queue : some) {
      if (wanted(queue)) found.push_back(std::move(queue));
    }
  }
}

// Those with the most messages, in order of their age; how many were left out.
size_t Cap(std::vector<QueueFigures>& queues) {
  if (queues.size() <= Detailed::kQueuesMax) return 0;
  const size_t dropped = queues.size() - Detailed::kQueuesMax;
  const auto end = queues.begin() + Detailed::kQueuesMax;
  std::nth_element(queues.begin(), end, queues.end(),
                   [](const QueueFigures& a, const QueueFigures& b) {
                     const uint64_t more = MessagesOf(a);
                     const uint64_t less = MessagesOf(b);
                     return more != less ? more > less : a.id < b.id;
                   });
  queues.erase(end, queues.end());
  std::sort(queues.begin(), queues.end(),
            [](const QueueFigures& a, const QueueFigures& b) { return a.id < b.id; });
  return dropped;
}

// Adds families of one sample, or some, a queue.
class QueueFamilies {
 public:
  QueueFamilies(const std::vector<QueueFigures>& queues, Families& families)
      : queues_(queues), families_(families) {}

  using Value = std::function<uint64_t(const QueueFigures&)>;
  struct Sample {
    const char* label_value;
    Value value;
  };

  void Gauge(const char* name, const char* help, const Value& value) {
    Fill(families_.Gauge(name, help), "", {{"", value}});
  }
  void Gauge(const char* name, const char* help, const char* label,
             const std::vector<Sample>& samples) {
    Fill(families_.Gauge(name, help), label, samples);
  }
  void Counter(const char* name, const char* help, const Value& value) {
    Fill(families_.Counter(name, help), "", {{"", value}});
  }
  void Counter(const char* name, const char* help, const char* label,
               const std::vector<Sample>& samples) {
    Fill(families_.Counter(name, help), label, samples);
  }

 private:
  void Fill(Family family, const std::string& label, const std::vector<Sample>& samples) {
    for (const QueueFigures& queue : queues_) {
      for (const Sample& sample : samples) {
        Labels labels = {{"vhost", queue.virtual_host}, {"queue", queue.name}};
        if (!label.empty()) labels.push_back({label, sample.label_value});
        family.Add(static_cast<double>(sample.value(queue)), std::move(labels));
      }
    }
  }

  const std::vector<QueueFigures>& queues_;
  Families& families_;
};

void AddQueueFamilies(const std::vector<QueueFigures>& queues, Families& families) {
  using Q = QueueFigures;
  QueueFamilies add(queues, families);
  add.Gauge("warren_detailed_messages", "Messages in the queue, by state.", "state",
            {{"ready", [](const Q& q) { return q.ready; }},
             {"unsettled", [](const Q& q) { return q.unsettled; }},
             {"delayed", [](const Q& q) { return q.delayed; }}});
  add.Gauge("warren_detailed_messages_bytes", "The bodies of these messages.", "state",
            {{"ready", [](const Q& q) { return q.ready_bytes; }},
             {"unsettled", [](const Q& q) { return q.unsettled_bytes; }},
             {"delayed", [](const Q& q) { return q.delayed_bytes; }}});
  add.Gauge("warren_detailed_consumers", "Consumers of the queue.",
            [](const Q& q) { return q.consumers; });
  add.Counter("warren_detailed_published_total",
              "Messages that joined the queue, by publishing or dead-lettering.",
              [](const Q& q) { return q.tally.published; });
  add.Counter("warren_detailed_delivered_total", "Messages handed to its consumers and by Get.",
              [](const Q& q) { return q.tally.delivered; });
  add.Counter("warren_detailed_redelivered_total", "Of these, those that had been before.",
              [](const Q& q) { return q.tally.redelivered; });
  add.Counter("warren_detailed_settled_total", "Deliveries that ended, by outcome.", "outcome",
              {{"ack", [](const Q& q) { return q.tally.acked; }},
               {"requeue", [](const Q& q) { return q.tally.requeued; }},
               {"reject", [](const Q& q) { return q.tally.rejected; }},
               {"retry", [](const Q& q) { return q.tally.retried; }}});
  const auto dead = [](DeathReason reason) {
    return [reason](const Q& q) { return q.tally.dead_lettered[reason]; };
  };
  add.Counter("warren_detailed_dead_lettered_total",
              "Messages that went to its dead-letter exchange, by reason.", "reason",
              {{"rejected", dead(DeathReason::kRejected)},
               {"expired", dead(DeathReason::kExpired)},
               {"maxlen", dead(DeathReason::kMaxlen)},
               {"delivery_limit", dead(DeathReason::kDeliveryLimit)}});
  const int64_t now_ms = runtime::NowMs();
  Family age = families.Gauge(
      "warren_detailed_head_age_seconds",
      "For how long the message has been ready that is next; 0 if the queue is empty.");
  for (const Q& q : queues) {
    const int64_t ms = q.head_ready_since_ms ? std::max<int64_t>(now_ms - *q.head_ready_since_ms, 0)
                                             : 0;
    age.Add(static_cast<double>(ms) / 1000, {{"vhost", q.virtual_host}, {"queue", q.name}});
  }
}

}  // namespace

Page Detailed::Serve(const Query& query) {
  const std::optional<std::string> regex = Parameter(query, "queue");
  const std::optional<std::string> virtual_host = Parameter(query, "vhost");
  std::unique_ptr<RE2> compiled;
  if (regex) {
    std::string why;
    compiled = Compile(*regex, why);
    if (compiled == nullptr) {
      return {.status = 400,
              .body = absl::StrCat("queue is not a regular expression that RE2 takes: ", why, "\n")};
    }
  }
  auto queues = Measure(vitals_, [&](const QueueFigures& queue) {
    if (virtual_host && queue.virtual_host != *virtual_host) return false;
    return compiled == nullptr || RE2::FullMatch(queue.name, *compiled);
  });
  if (!queues) return {.status = 503, .body = "the broker's loop does not answer, or not yet\n"};
  const size_t found = queues->size();
  dropped_ += Cap(*queues);

  Families families;
  families
      .Gauge("warren_detailed_queues", "Queues that were asked for, those that were left out too.")
      .Add(static_cast<double>(found));
  families
      .Counter("warren_detailed_dropped_total",
               "Queues left out of all answers so far, since they would have had too many.")
      .Add(static_cast<double>(dropped_.load()));
  AddQueueFamilies(*queues, families);
  return {.type = kTextFormat, .body = families.Text()};
}

}  // namespace warren::metrics
