// How a batch of the journal reads in a transcript.
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/scenarios/text.h"
#include "tests/scenarios/trace.h"

namespace warren::scenarios {
namespace {

struct RecordLines {
  Names& names;
  Lines lines;

  std::string Owner(storage::ExchangeId exchange, storage::QueueId queue) const {
    return queue ? NameIn(names.queues, queue) : NameIn(names.exchanges, exchange);
  }
  std::string Facts(const storage::EntryFacts& facts) const {
    std::string text = NameIn(names.queues, facts.queue);
    if (facts.due_at_ms != 0) absl::StrAppend(&text, " due ", At(facts.due_at_ms));
    if (facts.expires_at_ms != 0) absl::StrAppend(&text, " expires ", At(facts.expires_at_ms));
    if (facts.delivery_count != 0) absl::StrAppend(&text, " count=", facts.delivery_count);
    return text;
  }

  void operator()(const storage::IdsReserved&) {}
  void operator()(const storage::VirtualHostDeclared& r) {
    std::string line = absl::StrCat("  host ", r.name, r.deleting ? " is going" : "");
    const auto add = [&line](const char* key, const std::optional<uint64_t>& limit) {
      if (limit) absl::StrAppend(&line, " ", key, "=", *limit);
    };
    add("queues", r.limits.max_queues);
    add("streams", r.limits.max_streams);
    add("message_bytes", r.limits.max_message_bytes);
    lines.push_back(std::move(line));
  }
  void operator()(const storage::VirtualHostDeleted& r) {
    lines.push_back(absl::StrCat("  host gone ", r.name));
  }
  void operator()(const storage::UserPut& r) {
    std::string line = absl::StrCat("  user ", r.user.name);
    for (const storage::UserPermissions& p : r.user.permissions) {
      absl::StrAppend(&line, " ", p.virtual_host, "=", Quoted(p.configure), Quoted(p.write),
                      Quoted(p.read));
    }
    lines.push_back(std::move(line));
  }
  void operator()(const storage::UserDeleted& r) {
    lines.push_back(absl::StrCat("  user gone ", r.name));
  }
  void operator()(const storage::PolicyPut& r) {
    lines.push_back(absl::StrCat("  policy ", r.policy.name, " ", Quoted(r.policy.pattern)));
  }
  void operator()(const storage::PolicyDeleted& r) {
    lines.push_back(absl::StrCat("  policy gone ", r.name));
  }
  void operator()(const storage::ExchangeDeclared& r) {
    names.exchanges[r.id] = r.name;
    lines.push_back(absl::StrCat("  exchange ", r.name));
  }
  void operator()(const storage::ExchangeDeleted& r) {
    lines.push_back(absl::StrCat("  exchange gone ", NameIn(names.exchanges, r.id)));
  }
  void operator()(const storage::QueueDeclared& r) {
    names.queues[r.id] = r.name;
    lines.push_back(absl::StrCat("  queue ", r.name));
  }
  void operator()(const storage::QueueDeleted& r) {
    lines.push_back(absl::StrCat("  queue gone ", NameIn(names.queues, r.id)));
  }
  void operator()(const storage::BindingAdded& r) {
    names.bindings[r.id] = absl::StrCat(NameIn(names.exchanges, r.source), " -> ",
                                        Owner(r.exchange, r.queue), " ", Quoted(r.key));
    lines.push_back(absl::StrCat("  binding ", names.bindings[r.id]));
  }
  void operator()(const storage::BindingRemoved& r) {
    lines.push_back(absl::StrCat("  binding gone ", NameIn(names.bindings, r.id)));
  }
  void operator()(const storage::QueueServing& r) {
    lines.push_back(absl::StrCat("  ", r.serving ? "serving " : "not serving ",
                                 NameIn(names.queues, r.queue)));
  }
  void operator()(const storage::MessagePublished& r) {
    names.messages[r.id] = Body(*r.message);
    std::string line = absl::StrCat("  message ", Body(*r.message), " in");
    for (const storage::EntryFacts& facts : r.entries) absl::StrAppend(&line, " ", Facts(facts));
    lines.push_back(std::move(line));
  }
  void operator()(const storage::EntryRemoved& r) {
    lines.push_back(absl::StrCat("  gone ", NameIn(names.messages, r.message), " from ",
                                 NameIn(names.queues, r.queue), r.last ? ", the last" : ""));
  }
  void operator()(const storage::EntryUpdated& r) {
    lines.push_back(
        absl::StrCat("  changed ", NameIn(names.messages, r.message), " in ", Facts(r.facts)));
  }
  void operator()(const storage::ProducerAdvanced& r) {
    std::string line = absl::StrCat("  producer ", r.producer_id, " at ", r.last_sequence);
    for (const storage::SequenceRun& run : r.refused) {
      absl::StrAppend(&line, &run == &r.refused.front() ? " without " : ",", run.first);
      if (run.last > run.first) absl::StrAppend(&line, "-", run.last);
    }
    lines.push_back(std::move(line));
  }
  void operator()(const storage::ProducerForgotten& r) {
    lines.push_back(absl::StrCat("  producer gone ", r.producer_id));
  }
  void operator()(const storage::MessageIdSeen& r) {
    lines.push_back(absl::StrCat("  seen ", r.message_id, " at ", Owner(r.exchange, r.queue),
                                 " until ", At(r.until_ms)));
  }
  void operator()(const storage::MessageIdForgotten& r) {
    lines.push_back(
        absl::StrCat("  forgotten ", r.message_id, " at ", Owner(r.exchange, r.queue)));
  }
};

}  // namespace

Lines DescribeBatch(const storage::Batch& batch, Names& names) {
  RecordLines visitor{.names = names, .lines = {"batch"}};
  for (const storage::Record& record : batch.records) std::visit(visitor, record);
  return std::move(visitor.lines);
}

}  // namespace warren::scenarios
