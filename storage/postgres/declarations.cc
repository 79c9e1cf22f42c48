#include "storage/postgres/declarations.h"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/absl_view.h"
#include "storage/codec/record_codec.h"
#include "storage/names.h"
#include "storage/postgres/readable.h"
#include "storage/postgres/runs_text.h"

namespace warren::storage {
namespace {

std::string Literal(std::string_view text) {
  std::string scratch;
  std::string literal = "'";
  for (const char c : Readable(text, scratch)) {
    if (c == '\'') literal += c;
    literal += c;
  }
  return literal += '\'';
}

std::string Bytea(std::string_view bytes) {
  return absl::StrCat("'\\x", absl::BytesToHexString(Absl(bytes)), "'");
}

int64_t Signed(uint64_t id) { return static_cast<int64_t>(id); }

std::string NumberOrNull(const std::optional<uint64_t>& number) {
  return number ? std::to_string(Signed(*number)) : "NULL";
}

// Columns as literals of arrays, for unnest: parsed faster than rows of VALUES.
class Column {
 public:
  void Number(int64_t number) { absl::StrAppend(&out_, Separator(), number); }
  void Bytes(std::string_view bytes) {
    absl::StrAppend(&out_, Separator(), "\"\\\\x", absl::BytesToHexString(Absl(bytes)), "\"");
  }
  void Text(std::string_view text) {
    std::string scratch;
    absl::StrAppend(&out_, Separator(), "\"");
    for (const char c : Readable(text, scratch)) {
      if (c == '"' || c == '\\') out_ += '\\';
      if (c == '\'') out_ += c;
      out_ += c;
    }
    out_ += '"';
  }
  std::string Texts() const { return absl::StrCat("'{", out_, "}'::text[]"); }
  std::string Numbers() const { return absl::StrCat("'{", out_, "}'::bigint[]"); }
  std::string Byteas() const { return absl::StrCat("'{", out_, "}'::bytea[]"); }
  bool empty() const { return out_.empty(); }

 private:
  const char* Separator() const { return out_.empty() ? "" : ","; }
  std::string out_;
};

absl::StatusOr<std::string> Frame(const Record& record) {
  std::string frame;
  const absl::StatusOr<std::string_view> tail = EncodeRecord(record, frame);
  if (!tail.ok()) return tail.status();
  return Bytea(frame);
}

// A row of each table whose rows hold their record.
std::string Values(const ExchangeDeclared& r) {
  return absl::StrCat(Signed(r.id.value), ",", Literal(r.virtual_host), ",", Literal(r.name), ",",
                      Literal(NameOf(r.options.type)), ",", Literal(OptionsJson(r.options)));
}
std::string Values(const QueueDeclared& r) {
  return absl::StrCat(Signed(r.id.value), ",", Literal(r.virtual_host), ",", Literal(r.name), ",",
                      Literal(OptionsJson(r.options)));
}
std::string Values(const BindingAdded& r) {
  const auto id_or_null = [](uint64_t id) {
    return id == 0 ? std::string("NULL") : std::to_string(Signed(id));
  };
  return absl::StrCat(Signed(r.id.value), ",", Signed(r.source.value), ",",
                      id_or_null(r.queue.value), ",", id_or_null(r.exchange.value), ",",
                      Literal(r.key), ",",
                      r.arguments.empty() ? "NULL" : Literal(HeadersJson(r.arguments)));
}

// Deletes and writes the rows of such a table. `columns` are those of Values, without the id.
template <typename R>
absl::Status Write(std::string& sql, const char* table, const std::vector<std::string>& columns,
                   const std::map<uint64_t, const Record*>& rows) {
  Column deleted;
  std::string values;
  for (const auto& [id, record] : rows) {
    if (record == nullptr) {
      deleted.Number(Signed(id));
      continue;
    }
    const absl::StatusOr<std::string> frame = Frame(*record);
    if (!frame.ok()) return frame.status();
    absl::StrAppend(&values, values.empty() ? "" : ",", "(", Values(std::get<R>(*record)), ",",
                    *frame, ")");
  }
  if (!deleted.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.", table, " WHERE id = ANY (", deleted.Numbers(),
                    ");");
  }
  if (!values.empty()) {
    absl::StrAppend(&sql, "INSERT INTO warren.", table, " (id,", absl::StrJoin(columns, ","),
                    ",record) VALUES ", values, " ON CONFLICT (id) DO UPDATE SET ",
                    absl::StrJoin(columns, ",",
                                  [](std::string* out, const std::string& column) {
                                    absl::StrAppend(out, column, "=excluded.", column);
                                  }),
                    ",record=excluded.record;");
  }
  return absl::OkStatus();
}

}  // namespace

struct Declarations::Visitor {
  Declarations& to;
  const Record& record;

  bool operator()(const IdsReserved& r) {
    to.ids_ = &r;
    return true;
  }
  bool operator()(const VirtualHostDeclared& r) { return Put(to.virtual_hosts_, r.name); }
  bool operator()(const VirtualHostDeleted& r) { return Delete(to.virtual_hosts_, r.name); }
  bool operator()(const ExchangeDeclared& r) { return Put(to.exchanges_, r.id.value); }
  bool operator()(const ExchangeDeleted& r) {
    to.DropWindow(r.id, QueueId{});
    return Delete(to.exchanges_, r.id.value);
  }
  bool operator()(const QueueDeclared& r) { return Put(to.queues_, r.id.value); }
  bool operator()(const QueueDeleted& r) {
    to.DropWindow(ExchangeId{}, r.id);
    Delete(to.serving_, r.id.value);
    return Delete(to.queues_, r.id.value);
  }
  bool operator()(const BindingAdded& r) { return Put(to.bindings_, r.id.value); }
  bool operator()(const BindingRemoved& r) { return Delete(to.bindings_, r.id.value); }
  bool operator()(const QueueServing& r) { return Put(to.serving_, r.queue.value); }
  bool operator()(const MessagePublished& /*message*/) { return false; }
  bool operator()(const EntryRemoved& /*message*/) { return false; }
  bool operator()(const EntryUpdated& /*message*/) { return false; }
  bool operator()(const ProducerAdvanced& r) {
    return Put(to.producers_, {r.virtual_host, r.producer_id});
  }
  bool operator()(const ProducerForgotten& r) {
    return Delete(to.producers_, {r.virtual_host, r.producer_id});
  }
  bool operator()(const MessageIdSeen& r) {
    return Put(to.seen_, {{r.exchange.value, r.queue.value}, r.message_id});
  }
  bool operator()(const MessageIdForgotten& r) {
    return Delete(to.seen_, {{r.exchange.value, r.queue.value}, r.message_id});
  }
  bool operator()(const UserPut& r) { return Put(to.users_, r.user.name); }
  bool operator()(const UserDeleted& r) { return Delete(to.users_, r.name); }
  bool operator()(const PolicyPut& r) {
    return Put(to.policies_, {r.policy.virtual_host, r.policy.name});
  }
  bool operator()(const PolicyDeleted& r) {
    return Delete(to.policies_, {r.virtual_host, r.name});
  }

 private:
  template <typename Key>
  bool Put(Rows<Key>& rows, const typename Rows<Key>::key_type& key) {
    rows[key] = &record;
    return true;
  }
  template <typename Key>
  bool Delete(Rows<Key>& rows, const typename Rows<Key>::key_type& key) {
    rows[key] = nullptr;
    return true;
  }
};

bool Declarations::Add(const Record& record) {
  return std::visit(Visitor{*this, record}, record);
}

void Declarations::DropWindow(ExchangeId exchange, QueueId queue) {
  const Window window{exchange.value, queue.value};
  dropped_windows_.insert(window);
  std::erase_if(seen_, [&window](const auto& row) { return row.first.first == window; });
}

absl::StatusOr<std::string> Declarations::Sql() const {
  std::string sql;
  if (ids_ != nullptr) {
    absl::StrAppend(&sql, "UPDATE warren.shards SET ids_below = ", Signed(ids_->below),
                    " WHERE shard = 0;");
  }
  WriteVirtualHosts(sql);
  absl::Status status = Write<ExchangeDeclared>(
      sql, "exchanges", {"virtual_host", "name", "type", "options"}, exchanges_);
  if (status.ok()) {
    status = Write<QueueDeclared>(sql, "queues", {"virtual_host", "name", "options"}, queues_);
  }
  if (status.ok()) {
    status = Write<BindingAdded>(
        sql, "bindings", {"source", "queue", "exchange", "routing_key", "arguments"}, bindings_);
  }
  if (!status.ok()) return status;
  WriteServing(sql);
  WriteProducers(sql);
  WriteWindows(sql);
  if (status = WriteUsers(sql); !status.ok()) return status;
  if (status = WritePolicies(sql); !status.ok()) return status;
  return sql;
}

void Declarations::WriteVirtualHosts(std::string& sql) const {
  Column deleted;
  std::string values;
  for (const auto& [name, record] : virtual_hosts_) {
    if (record == nullptr) {
      deleted.Bytes(name);
      continue;
    }
    const auto& host = std::get<VirtualHostDeclared>(*record);
    absl::StrAppend(&values, values.empty() ? "" : ",", "(", Bytea(name), ",", Literal(name), ",",
                    host.deleting ? "true" : "false", ",", NumberOrNull(host.limits.max_queues), ",",
                    NumberOrNull(host.limits.max_streams), ",",
                    NumberOrNull(host.limits.max_message_bytes), ")");
  }
  if (!deleted.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.virtual_hosts WHERE name_bytes = ANY (",
                    deleted.Byteas(), ");");
  }
  if (!values.empty()) {
    absl::StrAppend(&sql,
                    "INSERT INTO warren.virtual_hosts (name_bytes,name,deleting,max_queues,"
                    "max_streams,max_message_bytes) VALUES ",
                    values,
                    " ON CONFLICT (name_bytes) DO UPDATE SET deleting=excluded.deleting,"
                    "max_queues=excluded.max_queues,max_streams=excluded.max_streams,"
                    "max_message_bytes=excluded.max_message_bytes;");
  }
}

absl::Status Declarations::WriteUsers(std::string& sql) const {
  Column deleted;
  std::string values;
  for (const auto& [name, record] : users_) {
    if (record == nullptr) {
      deleted.Bytes(name);
      continue;
    }
    const absl::StatusOr<std::string> frame = Frame(*record);
    if (!frame.ok()) return frame.status();
    Column tags;
    for (const std::string& tag : std::get<UserPut>(*record).user.tags) tags.Text(tag);
    absl::StrAppend(&values, values.empty() ? "" : ",", "(", Bytea(name), ",", Literal(name), ",",
                    tags.Texts(), ",", *frame, ")");
  }
  if (!deleted.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.users WHERE name_bytes = ANY (", deleted.Byteas(),
                    ");");
  }
  if (!values.empty()) {
    absl::StrAppend(&sql, "INSERT INTO warren.users (name_bytes,name,tags,record) VALUES ", values,
                    " ON CONFLICT (name_bytes) DO UPDATE SET tags=excluded.tags,"
                    "record=excluded.record;");
  }
  return absl::OkStatus();
}

absl::Status Declarations::WritePolicies(std::string& sql) const {
  Column gone_hosts, gone_names;
  std::string values;
  for (const auto& [key, record] : policies_) {
    const auto& [host, name] = key;
    if (record == nullptr) {
      gone_hosts.Bytes(host);
      gone_names.Bytes(name);
      continue;
    }
    const absl::StatusOr<std::string> frame = Frame(*record);
    if (!frame.ok()) return frame.status();
    const Policy& policy = std::get<PolicyPut>(*record).policy;
    absl::StrAppend(&values, values.empty() ? "" : ",", "(", Bytea(host), ",", Bytea(name), ",",
                    Literal(host), ",", Literal(name), ",", Literal(policy.pattern), ",",
                    policy.priority, ",", *frame, ")");
  }
  if (!gone_hosts.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.policies p USING unnest(", gone_hosts.Byteas(), ",",
                    gone_names.Byteas(),
                    ") AS g(v,n) WHERE p.virtual_host_bytes=g.v AND p.name_bytes=g.n;");
  }
  if (!values.empty()) {
    absl::StrAppend(&sql,
                    "INSERT INTO warren.policies (virtual_host_bytes,name_bytes,virtual_host,name,"
                    "pattern,priority,record) VALUES ",
                    values,
                    " ON CONFLICT (virtual_host_bytes,name_bytes) DO UPDATE SET"
                    " pattern=excluded.pattern,priority=excluded.priority,record=excluded.record;");
  }
  return absl::OkStatus();
}

void Declarations::WriteServing(std::string& sql) const {
  Column deleted;
  std::string values;
  for (const auto& [queue, record] : serving_) {
    if (record == nullptr) {
      deleted.Number(Signed(queue));
      continue;
    }
    const auto& serving = std::get<QueueServing>(*record);
    absl::StrAppend(&values, values.empty() ? "" : ",", "(", Signed(queue), ",",
                    serving.serving ? "true" : "false", ",",
                    Signed(serving.delivered_up_to.value), ")");
  }
  if (!deleted.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.queue_serving WHERE queue = ANY (",
                    deleted.Numbers(), ");");
  }
  if (!values.empty()) {
    absl::StrAppend(&sql, "INSERT INTO warren.queue_serving (queue,serving,delivered_up_to) VALUES ",
                    values,
                    " ON CONFLICT (queue) DO UPDATE SET serving=excluded.serving,"
                    "delivered_up_to=excluded.delivered_up_to;");
  }
}

void Declarations::WriteProducers(std::string& sql) const {
  Column gone_hosts, gone_producers, hosts, producers, host_texts, producer_texts, sequences, times,
      refused;
  for (const auto& [key, record] : producers_) {
    const auto& [host, producer] = key;
    if (record == nullptr) {
      gone_hosts.Bytes(host);
      gone_producers.Bytes(producer);
      continue;
    }
    const auto& advanced = std::get<ProducerAdvanced>(*record);
    hosts.Bytes(host);
    producers.Bytes(producer);
    host_texts.Text(host);
    producer_texts.Text(producer);
    sequences.Number(Signed(advanced.last_sequence));
    times.Number(advanced.at_ms);
    refused.Text(RunsText(advanced.refused));
  }
  if (!gone_hosts.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.producers p USING unnest(", gone_hosts.Byteas(), ",",
                    gone_producers.Byteas(),
                    ") AS g(v,i) WHERE p.virtual_host_bytes=g.v AND p.producer_bytes=g.i;");
  }
  if (!hosts.empty()) {
    absl::StrAppend(&sql,
                    "INSERT INTO warren.producers (virtual_host_bytes,producer_bytes,virtual_host,"
                    "producer,last_sequence,at_ms,refused) SELECT * FROM unnest(",
                    hosts.Byteas(), ",", producers.Byteas(), ",", host_texts.Texts(), ",",
                    producer_texts.Texts(), ",", sequences.Numbers(), ",", times.Numbers(), ",",
                    refused.Texts(),
                    ") ON CONFLICT (virtual_host_bytes,producer_bytes) DO UPDATE"
                    " SET last_sequence=excluded.last_sequence,at_ms=excluded.at_ms,"
                    "refused=excluded.refused;");
  }
}

void Declarations::WriteWindows(std::string& sql) const {
  Column dropped_exchanges, dropped_queues;
  for (const auto& [exchange, queue] : dropped_windows_) {
    exchange != 0 ? dropped_exchanges.Number(Signed(exchange))
                  : dropped_queues.Number(Signed(queue));
  }
  if (!dropped_exchanges.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.deduplication WHERE queue = 0 AND exchange = ANY (",
                    dropped_exchanges.Numbers(), ");");
  }
  if (!dropped_queues.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.deduplication WHERE exchange = 0 AND queue = ANY (",
                    dropped_queues.Numbers(), ");");
  }
  Column gone_exchanges, gone_queues, gone_ids, exchanges, queues, ids, texts, times;
  for (const auto& [key, record] : seen_) {
    const auto& [window, message_id] = key;
    const bool gone = record == nullptr;
    (gone ? gone_exchanges : exchanges).Number(Signed(window.first));
    (gone ? gone_queues : queues).Number(Signed(window.second));
    (gone ? gone_ids : ids).Bytes(message_id);
    if (gone) continue;
    texts.Text(message_id);
    times.Number(std::get<MessageIdSeen>(*record).until_ms);
  }
  if (!gone_ids.empty()) {
    absl::StrAppend(&sql, "DELETE FROM warren.deduplication d USING unnest(",
                    gone_exchanges.Numbers(), ",", gone_queues.Numbers(), ",", gone_ids.Byteas(),
                    ") AS g(e,q,m) WHERE d.exchange=g.e AND d.queue=g.q AND d.message_id_bytes=g.m;");
  }
  if (!ids.empty()) {
    absl::StrAppend(&sql,
                    "INSERT INTO warren.deduplication (exchange,queue,message_id_bytes,message_id,"
                    "until_ms) SELECT * FROM unnest(",
                    exchanges.Numbers(), ",", queues.Numbers(), ",", ids.Byteas(), ",",
                    texts.Texts(), ",", times.Numbers(),
                    ") ON CONFLICT (exchange,queue,message_id_bytes) DO UPDATE"
                    " SET until_ms=excluded.until_ms;");
  }
}

}  // namespace warren::storage
