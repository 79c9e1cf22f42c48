#include "tests/sim/tell.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace warren::sim {
namespace {

using Lines = std::vector<std::string>;

// A word that the transcript's reader takes for one.
std::string Word(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_of(" =\"") == std::string::npos;
  return plain ? text : absl::StrCat("\"", text, "\"");
}

std::string Value(const storage::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value.data)) return absl::StrCat(*number);
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  return "void";
}

std::string HeaderWords(const char* prefix, const storage::Headers& headers) {
  std::string text;
  for (const storage::Header& header : headers) {
    absl::StrAppend(&text, " ", prefix, ":", header.name, "=", Value(header.value));
  }
  return text;
}

std::string Flag(bool set, const char* name) { return set ? absl::StrCat(" ", name) : ""; }

std::string Number(const char* name, uint64_t number) {
  return number != 0 ? absl::StrCat(" ", name, "=", number) : "";
}

std::string Duration(const char* name, std::optional<int64_t> ms) {
  return ms ? absl::StrCat(" ", name, "=", *ms, "ms") : "";
}

std::string Options(const std::optional<storage::ExchangeOptions>& options) {
  static constexpr const char* kTypes[] = {"?", "direct", "fanout", "topic", "headers"};
  if (!options) return " passive";
  const storage::ExchangeOptions& o = *options;
  std::string text = absl::StrCat(" type=", kTypes[static_cast<int>(o.type)],
                                  Flag(o.durable, "durable"), Flag(o.auto_delete, "auto_delete"),
                                  Flag(o.internal, "internal"), Flag(o.delayed, "delayed"));
  if (!o.alternate_exchange.empty()) absl::StrAppend(&text, " alternate=", o.alternate_exchange);
  if (o.deduplication_window_ms != 0) {
    text += Duration("dedup", o.deduplication_window_ms);
  }
  return text;
}

std::string Options(const std::optional<storage::QueueOptions>& options) {
  if (!options) return " passive";
  const storage::QueueOptions& o = *options;
  std::string text = absl::StrCat(Flag(o.durable, "durable"), Flag(o.exclusive, "exclusive"),
                                  Flag(o.auto_delete, "auto_delete"),
                                  Duration("expires", o.expires_ms),
                                  Duration("ttl", o.message_ttl_ms),
                                  Number("max_length", o.max_length),
                                  Number("max_length_bytes", o.max_length_bytes));
  if (o.overflow == storage::OverflowPolicy::kRejectPublish) text += " overflow=reject_publish";
  if (o.overflow == storage::OverflowPolicy::kRejectPublishDlx) {
    text += " overflow=reject_publish_dlx";
  }
  if (o.dead_letter_exchange) absl::StrAppend(&text, " dlx=", *o.dead_letter_exchange);
  if (o.dead_letter_routing_key) absl::StrAppend(&text, " dlk=", *o.dead_letter_routing_key);
  absl::StrAppend(&text, Number("max_priority", o.max_priority),
                  Number("delivery_limit", o.delivery_limit));
  if (o.retry) {
    absl::StrAppend(&text, " retry=", o.retry->max_attempts, " backoff=",
                    o.retry->initial_backoff_ms, "ms multiplier=", o.retry->multiplier,
                    " max_backoff=", o.retry->max_backoff_ms, "ms jitter=", o.retry->jitter);
  }
  if (o.deduplication_window_ms != 0) text += Duration("dedup", o.deduplication_window_ms);
  return text;
}

std::string Published(const core::Publication& p) {
  const storage::Message& m = *p.message;
  std::string text = absl::StrCat(Word(m.exchange.str()), " ", Word(m.routing_key.str()), " ",
                                  Word(m.body.str()), Flag(m.persistent, "persistent"),
                                  Flag(p.mandatory, "mandatory"), Flag(p.resent, "resent"),
                                  Flag(!p.refused.ok(), "refused_by_edge"),
                                  Number("priority", m.priority), Duration("ttl", m.expiration_ms));
  if (p.delay_ms != 0) text += Duration("delay", p.delay_ms);
  if (m.properties && !m.properties->message_id.empty()) {
    absl::StrAppend(&text, " id=", m.properties->message_id);
  }
  return text + HeaderWords("h", m.headers());
}

std::string Settled(const core::Settlement& s) {
  std::string text = Duration("delay", s.retry_delay_ms);
  text += Number("up_to", s.up_to.value);
  for (const core::DeliveryTag tag : s.tags) absl::StrAppend(&text, " ", tag.value);
  return text;
}

const char* NameOf(core::SettleOutcome outcome) {
  static constexpr const char* kNames[] = {"?", "ack", "requeue", "reject", "retry"};
  return kNames[static_cast<int>(outcome)];
}

std::string Bound(const core::BindingSpec& b, const char* verb) {
  const bool queue = b.destination_kind == core::DestinationKind::kQueue;
  return absl::StrCat(verb, queue ? "" : "_exchange", " ", b.source, " ", b.destination, " ",
                      Word(b.key), HeaderWords("arg", b.arguments));
}

std::string Limits(const core::Prefetch& p) {
  return absl::StrCat(" prefetch=", p.messages, " bytes=", p.bytes);
}

std::string OnHost(const std::string& virtual_host) {
  return virtual_host == kHost ? "" : " host=" + virtual_host;
}

struct Teller {
  Lines operator()(const core::DeclareVirtualHost& c) { return {"host " + c.name}; }
  Lines operator()(const core::DeleteVirtualHost& c) { return {"delete_host " + c.name}; }
  Lines operator()(const core::SetVirtualHostLimits& c) { return {"limit_host " + c.name}; }
  Lines operator()(const core::PutUser& c) { return {"user " + c.name}; }
  Lines operator()(const core::DeleteUser& c) { return {"delete_user " + c.name}; }
  Lines operator()(const core::PutPolicy& c) {
    const storage::Policy& p = c.policy;
    static constexpr const char* kFor[] = {"", "", " for=queues", " for=exchanges"};
    return {absl::StrCat("policy ", p.name, " ", Word(p.pattern), kFor[static_cast<int>(p.target)],
                         p.priority != 0 ? absl::StrCat(" priority=", p.priority) : "",
                         Options(std::optional(p.queue)),
                         p.alternate_exchange.empty()
                             ? ""
                             : absl::StrCat(" alternate=", p.alternate_exchange))};
  }
  Lines operator()(const core::DeletePolicy& c) { return {"delete_policy " + c.name}; }
  Lines operator()(const core::SetPermissions& c) { return {"permit " + c.user}; }
  Lines operator()(const core::ClearPermissions& c) { return {"forbid " + c.user}; }
  Lines operator()(const core::DeclareExchange& c) {
    return {absl::StrCat("exchange ", c.name, Options(c.options))};
  }
  Lines operator()(const core::DeleteExchange& c) {
    return {absl::StrCat("delete_exchange ", c.name, Flag(c.if_unused, "if_unused"))};
  }
  Lines operator()(const core::DeclareQueue& c) {
    return {absl::StrCat("queue ", c.name, Options(c.options), OnHost(c.virtual_host))};
  }
  Lines operator()(const core::DeleteQueue& c) {
    return {absl::StrCat("delete_queue ", c.name, Flag(c.if_unused, "if_unused"),
                         Flag(c.if_empty, "if_empty"))};
  }
  Lines operator()(const core::PurgeQueue& c) { return {absl::StrCat("purge ", c.name)}; }
  Lines operator()(const core::MoveMessages& c) {
    return {absl::StrCat("move ", c.source, " ", c.destination, " max=", c.max_messages)};
  }
  Lines operator()(const core::CancelScheduledMessages& c) {
    std::string text = absl::StrCat("cancel ", c.queue, Flag(c.all, "all"));
    for (const std::string& id : c.message_ids) absl::StrAppend(&text, " ", id);
    for (const storage::MessageId id : c.ids) absl::StrAppend(&text, " #", id.value);
    return {text};
  }
  Lines operator()(const core::Bind& c) { return {Bound(c.binding, "bind")}; }
  Lines operator()(const core::Unbind& c) { return {Bound(c.binding, "unbind")}; }
  Lines operator()(const core::OpenPublisher& c) {
    std::string text = absl::StrCat("open p", c.publisher.value);
    if (!c.producer_id.empty()) absl::StrAppend(&text, " producer=", c.producer_id);
    return {text + Flag(c.takes_over, "takes_over") + OnHost(c.virtual_host)};
  }
  Lines operator()(const core::Publish& c) {
    Lines lines;
    for (const core::Publication& p : c.publications) {
      lines.push_back(lines.empty() ? absl::StrCat("publish ", Published(p), " by=p",
                                                   c.publisher.value, " seq=", c.first_sequence)
                                    : absl::StrCat("  ", Published(p)));
    }
    return lines;
  }
  Lines operator()(const core::ClosePublisher& c) {
    return {absl::StrCat("close_publisher p", c.publisher.value)};
  }
  Lines operator()(const core::Subscribe& c) {
    Lines lines = {absl::StrCat("consume ", c.consumer_name, " ", c.queue, Limits(c.prefetch),
                                Flag(c.auto_ack, "auto_ack"), Flag(c.exclusive, "exclusive"),
                                OnHost(c.virtual_host))};
    if (c.declare) lines.push_back(absl::StrCat("  declare", Options(c.declare)));
    for (const core::BindingSpec& b : c.bindings) {
      lines.push_back(absl::StrCat("  bind ", b.source, " ", Word(b.key),
                                   HeaderWords("arg", b.arguments)));
    }
    return lines;
  }
  Lines operator()(const core::Settle& c) {
    Lines lines = {absl::StrCat("settle c", c.consumer.value, Number("id", c.settle_id))};
    for (const core::Settlement& s : c.settlements) {
      lines.push_back(absl::StrCat("  ", NameOf(s.outcome), Settled(s)));
    }
    return lines;
  }
  Lines operator()(const core::HandedOver& c) {
    return {absl::StrCat("handed_over c", c.consumer.value, " up_to=", c.up_to.value)};
  }
  Lines operator()(const core::SetPrefetch& c) {
    return {absl::StrCat("prefetch c", c.consumer.value, Limits(c.prefetch))};
  }
  Lines operator()(const core::DrainConsumer& c) {
    return {absl::StrCat("drain c", c.consumer.value)};
  }
  Lines operator()(const core::CloseConsumer& c) {
    return {absl::StrCat("close c", c.consumer.value)};
  }
  Lines operator()(const core::Get& c) {
    return {absl::StrCat("get ", c.queue, " max=", c.max_messages, Flag(c.auto_ack, "auto_ack"),
                         " lease=", c.lease_ms, "ms")};
  }
  Lines operator()(const core::Ack& c) {
    Lines lines = {c.consumer_name.empty() ? "ack_call" : "ack_call " + c.consumer_name};
    for (const core::Settlement& s : c.settlements) {
      lines.push_back(absl::StrCat("  ", NameOf(s.outcome), Settled(s)));
    }
    return lines;
  }
  Lines operator()(const core::Commit& c) {
    std::string text = "commit";
    if (!c.producer_id.empty()) {
      absl::StrAppend(&text, " producer=", c.producer_id, " seq=", c.sequence);
    }
    Lines lines = {text};
    for (const core::Publication& p : c.publications) {
      lines.push_back(absl::StrCat("  publish ", Published(p)));
    }
    for (const core::TransactionSettlement& part : c.settlements) {
      lines.push_back(absl::StrCat("  ", NameOf(part.settlement.outcome), " ",
                                   Word(part.consumer_name), Settled(part.settlement)));
    }
    return lines;
  }
  Lines operator()(const core::Paged& c) {
    return {absl::StrCat("paged ", c.out.size(), " out, ", c.in.size(), " in")};
  }
  Lines operator()(const core::Tick&) { return {"tick"}; }
  Lines operator()(const core::Durable& c) { return {absl::StrCat("durable ", c.lsn.value)}; }
  Lines operator()(const core::BeginShutdown&) { return {"begin_shutdown"}; }
  Lines operator()(const core::FinishShutdown&) { return {"finish_shutdown"}; }
};

// A step without its trace.
std::string Step(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  return text + "----\n\n";
}

}  // namespace

Lines Tell(const core::Command& command) { return std::visit(Teller(), command); }

std::string Narrator::Begin() {
  std::string text;
  if (settings_.paging) {
    text += Step({absl::StrCat("memory ", settings_.broker.page_out_above_bytes, " window=",
                               settings_.broker.page_window_messages)});
  }
  return text + Step({"journal manual"});
}

std::string Narrator::Tell(const Event& event) {
  std::string text;
  if (now_ms_ != 0 && event.now_ms > now_ms_) {
    text = Step({absl::StrCat("tick ", event.now_ms - now_ms_, "ms", event.late ? " late" : "")});
  }
  now_ms_ = event.now_ms;
  switch (event.kind) {
    case Event::kCommand:
      // That time passed has been said; of the journal and the spill there are words of their own.
      if (std::holds_alternative<core::Tick>(*event.command)) break;
      text += Step(sim::Tell(*event.command));
      break;
    case Event::kTake: text += Step({"take"}); break;
    case Event::kCommit: text += Step({"written"}); break;
    case Event::kReport: text += Step({"report"}); break;
    case Event::kCrash: text += Step({"crash"}); break;
    case Event::kMovePages: text += Step({"move_pages"}); break;
    case Event::kReportPages: text += Step({"report_pages"}); break;
  }
  return text;
}

}  // namespace warren::sim
