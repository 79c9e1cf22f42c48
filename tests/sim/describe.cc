#include "tests/sim/describe.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"

namespace warren::sim {
namespace {

std::string Describe(const core::Delivery& d) {
  std::string text = absl::StrCat("#", d.tag.value, " ", sim::Describe(*d.message));
  if (d.delivery_count > 0) absl::StrAppend(&text, " delivered ", d.delivery_count, "x before");
  if (d.redelivered) text += " redelivered";
  return text;
}

std::string Describe(const std::vector<core::SettleFailure>& failures) {
  return absl::StrJoin(failures, ", ", [](std::string* out, const core::SettleFailure& f) {
    absl::StrAppend(out, "#", f.tag.value, " ", sim::Describe(f.error));
  });
}

struct Visitor {
  std::string operator()(const core::PublisherOpened& e) {
    return absl::StrCat("publisher ", e.publisher.value, " opened at ", e.last_sequence);
  }
  std::string operator()(const core::PublisherClosed& e) {
    return absl::StrCat("publisher ", e.publisher.value, " closed: ", sim::Describe(e.status));
  }
  std::string operator()(const core::Confirmed& e) {
    static constexpr const char* kOutcomes[] = {"?", "accepted", "duplicate", "unroutable",
                                                "rejected"};
    return absl::StrCat("publisher ", e.publisher.value, ": ", e.first_sequence, "-",
                        e.last_sequence, " ", kOutcomes[static_cast<int>(e.outcome)], " ",
                        sim::Describe(e.error));
  }
  std::string operator()(const core::Subscribed& e) {
    return absl::StrCat("consumer ", e.consumer.value, " subscribed to ", e.queue, ", ",
                        e.message_count, " ready");
  }
  std::string operator()(const core::Delivered& e) {
    return absl::StrCat("consumer ", e.consumer.value, " gets ", Describe(e.delivery));
  }
  std::string operator()(const core::SettleAnswered& e) {
    return absl::StrCat("consumer ", e.consumer.value, " settled ", e.settle_id, " ",
                        Describe(e.failures));
  }
  std::string operator()(const core::Drained& e) {
    return absl::StrCat("consumer ", e.consumer.value, " drained");
  }
  std::string operator()(const core::Cancelled& e) {
    return absl::StrCat("consumer ", e.consumer.value, " cancelled, reason ",
                        static_cast<int>(e.reason));
  }
  std::string operator()(const core::ConsumerClosed& e) {
    return absl::StrCat("consumer ", e.consumer.value, " closed: ", sim::Describe(e.status));
  }
  std::string operator()(const core::UserChanged& e) {
    return absl::StrCat("user ", e.name, e.user ? " changed" : " gone");
  }
  std::string operator()(const core::Replied& e) {
    std::string text = absl::StrCat("call ", e.request.value, " ", sim::Describe(e.status));
    if (const auto* queue = std::get_if<core::QueueInfo>(&e.result)) {
      absl::StrAppend(&text, ", ", queue->name, " has ", queue->message_count, " messages, ",
                      queue->consumer_count, " consumers");
    } else if (const auto* count = std::get_if<core::MessageCount>(&e.result)) {
      absl::StrAppend(&text, ", ", count->messages, " messages");
    } else if (const auto* moved = std::get_if<core::MoveResult>(&e.result)) {
      absl::StrAppend(&text, ", ", moved->moved, " moved, ", moved->left, " left");
    } else if (const auto* got = std::get_if<core::GetResult>(&e.result)) {
      absl::StrAppend(&text, ", ", got->message_count, " left");
      for (const core::Delivery& d : got->deliveries) absl::StrAppend(&text, ", ", Describe(d));
    } else if (const auto* settled = std::get_if<core::SettleFailures>(&e.result)) {
      absl::StrAppend(&text, " ", Describe(settled->failures));
    } else if (const auto* commit = std::get_if<core::CommitResult>(&e.result)) {
      if (commit->duplicate) text += ", duplicate";
    }
    return text;
  }
};

}  // namespace

std::string Describe(const absl::Status& status) {
  if (status.ok()) return "OK";
  return absl::StrCat(absl::StatusCodeToString(status.code()), " ", ErrorInfoOf(status).reason);
}

std::string Describe(const storage::Message& message) {
  std::string text = message.body.str();
  if (!message.deaths) return text;
  absl::StrAppend(&text, " by ", message.exchange.str(), "/", message.routing_key.str());
  for (const storage::Death& d : message.deaths->deaths) {
    absl::StrAppend(&text, " died ", d.count, "x in ", d.queue, " of ",
                    static_cast<int>(d.reason), " since ", d.first_at_ms, " by ", d.exchange, "/",
                    absl::StrJoin(d.routing_keys, ","), " ttl ",
                    d.original_expiration_ms.value_or(-1));
  }
  absl::StrAppend(&text, " first in ", message.deaths->first_death_queue, " of ",
                  static_cast<int>(message.deaths->first_death_reason), " by ",
                  message.deaths->first_death_exchange);
  return text;
}

std::string Describe(const core::Effect& effect) { return std::visit(Visitor(), effect); }

}  // namespace warren::sim
