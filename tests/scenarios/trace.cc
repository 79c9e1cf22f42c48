#include "tests/scenarios/trace.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "tests/scenarios/text.h"

namespace warren::scenarios {
namespace {

// The reason comes with what helps to find the entry or the limit.
std::string Text(const absl::Status& status) {
  if (status.ok()) return "ok";
  const ErrorInfo info = ErrorInfoOf(status);
  std::string text = absl::StrCat(absl::StatusCodeToString(status.code()), " ", info.reason);
  for (const char* key : {"settlement", "publication", "limit"}) {
    const auto it = info.metadata.find(key);
    if (it != info.metadata.end()) absl::StrAppend(&text, " ", key, "=", it->second);
  }
  const absl::string_view message = status.message();
  return absl::StrCat(text, ": ", message);
}

const char* Text(core::Outcome outcome) {
  switch (outcome) {
    case core::Outcome::kAccepted: return "accepted";
    case core::Outcome::kDuplicate: return "duplicate";
    case core::Outcome::kUnroutable: return "unroutable";
    case core::Outcome::kRejected: return "rejected";
  }
  return "?";
}

const char* Text(storage::DeathReason reason) {
  switch (reason) {
    case storage::DeathReason::kRejected: return "rejected";
    case storage::DeathReason::kExpired: return "expired";
    case storage::DeathReason::kMaxlen: return "maxlen";
    case storage::DeathReason::kDeliveryLimit: return "delivery_limit";
  }
  return "?";
}

std::string Text(const storage::Value& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "void"; }
    std::string operator()(const std::string& text) const { return Quoted(text); }
    std::string operator()(int64_t number) const { return absl::StrCat(number); }
    std::string operator()(double number) const { return absl::StrCat(number, " (double)"); }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(const storage::Bytes& bytes) const {
      return absl::StrCat("bytes ", bytes.bytes);
    }
    std::string operator()(storage::Timestamp time) const {
      return absl::StrCat("time ", time.ms);
    }
    std::string operator()(const storage::Value::List&) const { return "list"; }
    std::string operator()(const storage::Headers&) const { return "table"; }
  };
  return std::visit(Visitor(), value.data);
}

// Where a dead letter came from, newest death first.
void AddDeaths(const storage::Message& message, Lines& lines) {
  if (!message.deaths) return;
  const storage::DeathHistory& history = *message.deaths;
  for (const storage::Death& death : history.deaths) {
    std::string line = absl::StrCat("  died: ", Text(death.reason), " in ", death.queue, ", ",
                                    death.count, "x since ", At(death.first_at_ms), ", came by ",
                                    Quoted(death.exchange), " ",
                                    absl::StrJoin(death.routing_keys, " "));
    if (death.original_expiration_ms) {
      absl::StrAppend(&line, ", ttl ", *death.original_expiration_ms, "ms");
    }
    lines.push_back(std::move(line));
  }
  lines.push_back(absl::StrCat("  first died: ", Text(history.first_death_reason), " in ",
                               history.first_death_queue, ", came by ",
                               Quoted(history.first_death_exchange)));
}

void AddDelivery(const std::string& to, const core::Delivery& delivery, Lines& lines) {
  const storage::Message& message = *delivery.message;
  std::string line = absl::StrCat(to, " #", delivery.tag.value, " ", Body(message));
  if (delivery.redelivered) line += " redelivered";
  if (delivery.delivery_count > 0) absl::StrAppend(&line, " count=", delivery.delivery_count);
  if (message.deaths) {
    absl::StrAppend(&line, " via ", Quoted(message.exchange.view()), " ",
                    message.routing_key.str());
  }
  lines.push_back(std::move(line));
  AddDeaths(message, lines);
}

void AddFailures(const std::vector<core::SettleFailure>& failures, Lines& lines) {
  for (const core::SettleFailure& failure : failures) {
    lines.push_back(absl::StrCat("  #", failure.tag.value, ": ", Text(failure.error)));
  }
}

struct EffectLines {
  const Names& names;
  core::RequestId call;
  Lines lines;

  std::string Who(core::PublisherId id) const { return NameIn(names.publishers, id); }
  std::string Who(core::ConsumerId id) const { return NameIn(names.consumers, id); }

  void operator()(const core::PublisherOpened& e) {
    lines.push_back(absl::StrCat(Who(e.publisher), " opened, last sequence ", e.last_sequence));
  }
  void operator()(const core::PublisherClosed& e) {
    lines.push_back(absl::StrCat(Who(e.publisher), " closed: ", Text(e.status)));
  }
  void operator()(const core::Confirmed& e) {
    std::string line = absl::StrCat(Who(e.publisher), " ", e.first_sequence);
    if (e.last_sequence != e.first_sequence) absl::StrAppend(&line, "-", e.last_sequence);
    absl::StrAppend(&line, ": ", Text(e.outcome));
    if (!e.error.ok()) absl::StrAppend(&line, " ", Text(e.error));
    lines.push_back(std::move(line));
  }
  void operator()(const core::Subscribed& e) {
    std::string line = absl::StrCat(Who(e.consumer), " subscribed to ", e.queue);
    if (e.consumer_name != Who(e.consumer)) absl::StrAppend(&line, " as ", e.consumer_name);
    lines.push_back(absl::StrCat(line, ", ", e.message_count, " ready"));
  }
  void operator()(const core::Delivered& e) { AddDelivery(Who(e.consumer), e.delivery, lines); }
  void operator()(const core::SettleAnswered& e) {
    lines.push_back(absl::StrCat(Who(e.consumer), " settle ", e.settle_id, ": ",
                                 e.failures.empty() ? "ok" : "failed"));
    AddFailures(e.failures, lines);
  }
  void operator()(const core::Drained& e) {
    lines.push_back(absl::StrCat(Who(e.consumer), " drained"));
  }
  void operator()(const core::Cancelled& e) {
    lines.push_back(absl::StrCat(Who(e.consumer), " cancelled: ",
                                 e.reason == core::CancelReason::kQueueDeleted ? "QUEUE_DELETED"
                                                                               : "SHUTTING_DOWN",
                                 ", ", e.message));
  }
  void operator()(const core::ConsumerClosed& e) {
    lines.push_back(absl::StrCat(Who(e.consumer), " closed: ", Text(e.status)));
  }
  void operator()(const core::UserChanged& e) {
    lines.push_back(absl::StrCat("user ", e.name, e.user ? " changed" : " gone"));
  }
  void operator()(const core::Replied& e) {
    std::string line = Text(e.status);
    if (e.request != call) {
      line = absl::StrCat("answer to \"", NameIn(names.requests, e.request), "\": ", line);
    }
    if (const auto* queue = std::get_if<core::QueueInfo>(&e.result)) {
      absl::StrAppend(&line, ", ", queue->name, " has ", queue->message_count, " ready, ",
                      Count(queue->consumer_count, "consumer"));
    } else if (const auto* count = std::get_if<core::MessageCount>(&e.result)) {
      absl::StrAppend(&line, ", ", Count(count->messages, "message"));
    } else if (const auto* moved = std::get_if<core::MoveResult>(&e.result)) {
      absl::StrAppend(&line, ", ", moved->moved, " moved, ", moved->left, " left");
    } else if (const auto* got = std::get_if<core::GetResult>(&e.result)) {
      absl::StrAppend(&line, ", ", got->message_count, " left");
    } else if (const auto* settled = std::get_if<core::SettleFailures>(&e.result)) {
      if (!settled->failures.empty()) line += ", but";
    } else if (const auto* commit = std::get_if<core::CommitResult>(&e.result)) {
      if (commit->duplicate) line += ", duplicate";
    }
    lines.push_back(std::move(line));
    if (const auto* got = std::get_if<core::GetResult>(&e.result)) {
      for (const core::Delivery& delivery : got->deliveries) {
        AddDelivery("  lease", delivery, lines);
      }
    } else if (const auto* settled = std::get_if<core::SettleFailures>(&e.result)) {
      AddFailures(settled->failures, lines);
    }
  }
};

const char* Text(core::EntryPlace place) {
  switch (place) {
    case core::EntryPlace::kHeld: return "held";
    case core::EntryPlace::kDelayed: return "delayed";
    case core::EntryPlace::kReady: return "ready";
    case core::EntryPlace::kUnsettled: return "unsettled";
    case core::EntryPlace::kDying: return "dying";
  }
  return "?";
}

}  // namespace

Lines DescribeEffect(const core::Effect& effect, const Names& names, core::RequestId call) {
  EffectLines visitor{.names = names, .call = call, .lines = {}};
  std::visit(visitor, effect);
  return std::move(visitor.lines);
}

Lines DescribeQueue(const core::QueueView& queue, const std::vector<core::EntryView>& entries) {
  std::string line = queue.virtual_host == "/" ? "" : absl::StrCat(queue.virtual_host, ": ");
  absl::StrAppend(&line, queue.name, ": ", queue.ready, " ready");
  if (queue.unsettled > 0) absl::StrAppend(&line, ", ", queue.unsettled, " unsettled");
  if (queue.delayed > 0) absl::StrAppend(&line, ", ", queue.delayed, " delayed");
  if (queue.held > 0) absl::StrAppend(&line, ", ", queue.held, " held");
  if (queue.consumers > 0) absl::StrAppend(&line, ", ", Count(queue.consumers, "consumer"));
  Lines lines{std::move(line)};
  for (const core::EntryView& entry : entries) {
    line = absl::StrCat("  ", Text(entry.place), " ", Body(*entry.message));
    if (entry.message->persistent) line += " persistent";
    if (entry.redelivered) line += " redelivered";
    if (entry.delivery_count > 0) absl::StrAppend(&line, " count=", entry.delivery_count);
    if (entry.due_at_ms != 0) absl::StrAppend(&line, " due ", At(entry.due_at_ms));
    if (entry.expires_at_ms != 0) absl::StrAppend(&line, " expires ", At(entry.expires_at_ms));
    lines.push_back(std::move(line));
  }
  return lines;
}

Lines DescribeProperties(const storage::Message& message) {
  Lines lines;
  const auto add = [&lines](const char* name, const std::string& value) {
    if (!value.empty()) lines.push_back(absl::StrCat("  ", name, " ", Quoted(value)));
  };
  add("exchange", message.exchange.str());
  add("routing_key", message.routing_key.str());
  add("delivery_mode", message.persistent ? "persistent" : "transient");
  if (message.priority > 0) add("priority", absl::StrCat(message.priority));
  if (message.expiration_ms) add("expiration", absl::StrCat(*message.expiration_ms, "ms"));
  add("published_at", At(message.published_at_ms));
  if (!message.properties) return lines;
  const storage::Properties& properties = *message.properties;
  add("message_id", properties.message_id);
  add("correlation_id", properties.correlation_id);
  add("reply_to", properties.reply_to);
  add("type", properties.type);
  add("app_id", properties.app_id);
  add("user_id", properties.user_id);
  add("content_type", properties.content_type);
  add("content_encoding", properties.content_encoding);
  if (properties.timestamp_ms) add("timestamp", absl::StrCat(*properties.timestamp_ms, "ms"));
  for (const storage::Header& header : properties.headers) {
    lines.push_back(absl::StrCat("  header ", header.name, "=", Text(header.value)));
  }
  return lines;
}

}  // namespace warren::scenarios
