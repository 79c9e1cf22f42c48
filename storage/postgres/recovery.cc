#include "storage/postgres/recovery.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/codec/record_codec.h"
#include "storage/postgres/copy_format.h"
#include "storage/postgres/runs_text.h"
#include "storage/postgres/segment_reader.h"
#include "storage/postgres/trouble.h"

namespace warren::storage {
namespace {

// Ids are unsigned, and bigint is not: from 2^63 on they are negative there, and sort last.
constexpr char kById[] = " ORDER BY id < 0, id";

struct SegmentRange {
  SegmentNumber segment = 0;
  SegmentKind kind = SegmentKind::kPublished;
  uint64_t lowest = 0;  // of its ids; or less
};

class Recovery {
 public:
  Recovery(const Connect& connect, const RecordSink& sink, Segments& segments)
      : connect_(connect), sink_(sink), segments_(segments) {}

  absl::Status Run() {
    absl::StatusOr<Link*> link = connect_();
    if (!link.ok()) return link.status();
    link_ = *link;
    absl::Status status = Ids();
    if (status.ok()) status = VirtualHosts();
    if (status.ok()) status = Declared<ExchangeDeclared>("warren.exchanges");
    if (status.ok()) status = Declared<QueueDeclared>("warren.queues");
    if (status.ok()) status = Declared<BindingAdded>("warren.bindings");
    if (status.ok()) status = Serving();
    if (status.ok()) status = Producers();
    if (status.ok()) status = Seen();
    if (status.ok()) status = Users();
    if (status.ok()) status = Policies();
    if (status.ok()) status = FindSegments();
    return status.ok() ? Messages() : status;
  }

 private:
  // Reads once more for as long as the connection breaks meanwhile.
  template <typename Read>
  absl::Status Repeat(Read read) {
    absl::Status status = read();
    while (MayPass(status) && !sink_failed_ && !link_->is_open()) {
      absl::StatusOr<Link*> link = connect_();
      if (!link.ok()) return link.status();
      link_ = *link;
      status = read();
    }
    return status;
  }

  // Reads rows of `columns` of a table, in an order that doesn't change: `read` makes a record of
  // each.
  template <typename Read>
  absl::Status Table(const std::string& table, const std::string& columns, int16_t fields,
                     const std::string& rest, Read read) {
    uint64_t taken = 0;
    return Repeat([&] {
      uint64_t row_number = 0;
      return link_->CopyOut(
          absl::StrCat("COPY (SELECT ", columns, " FROM ", table, rest,
                       ") TO STDOUT (FORMAT binary)"),
          absl::StrCat("read ", table), [&](std::string_view row) {
            CopyReader in(row);
            if (!in.Row(fields)) return in.Finish();
            if (row_number++ < taken) return absl::OkStatus();
            ++taken;
            return read(in);
          });
    });
  }

  absl::Status Give(Record record) {
    absl::Status taken = sink_(std::move(record));
    sink_failed_ = !taken.ok();
    return taken;
  }

  absl::Status Damaged(const std::string& table, const std::string& row,
                       const absl::Status& status) {
    return DamagedTable(
        link_->where(), table,
        absl::Status(status.code(), absl::StrCat(row, ": ", status.message())));
  }

  absl::Status Ids() {
    return Table("warren.shards", "ids_below", 1, " WHERE shard = 0", [this](CopyReader& in) {
      const auto below = static_cast<uint64_t>(in.Required(in.Int8()));
      if (!in.Finish().ok()) return Damaged("warren.shards", "shard 0", in.Finish());
      return below == 0 ? absl::OkStatus() : Give(IdsReserved{below});
    });
  }

  absl::Status VirtualHosts() {
    const std::string columns = "name_bytes, deleting, max_queues, max_streams, max_message_bytes";
    return Table("warren.virtual_hosts", columns, 5, " ORDER BY 1", [this](CopyReader& in) {
      VirtualHostDeclared host{std::string(in.Required(in.Bytes()))};
      host.deleting = in.Required(in.Bool());
      for (auto* limit : {&host.limits.max_queues, &host.limits.max_streams,
                          &host.limits.max_message_bytes}) {
        if (const std::optional<int64_t> n = in.Int8()) *limit = static_cast<uint64_t>(*n);
      }
      if (!in.Finish().ok()) return Damaged("warren.virtual_hosts", host.name, in.Finish());
      return Give(std::move(host));
    });
  }

  // Tables whose rows hold their record.
  template <typename R>
  absl::Status Declared(const std::string& table) {
    return Table(table, "id, record", 2, kById, [this, &table](CopyReader& in) {
      const auto id = static_cast<uint64_t>(in.Required(in.Int8()));
      return GiveStored<R>(in, table, absl::StrCat("id ", id),
                           [id](const R& record) { return record.id.value == id; });
    });
  }

  // The record that is the last field of its row; `belongs` tells whether it is that row's.
  template <typename R, typename Belongs>
  absl::Status GiveStored(CopyReader& in, const std::string& table, const std::string& row,
                          Belongs belongs) {
    std::string_view bytes = in.Required(in.Bytes());
    absl::Status status = in.Finish();
    if (status.ok()) {
      absl::StatusOr<Record> record = DecodeRecord(bytes, names_);
      if (!record.ok()) {
        status = record.status();
      } else if (const R* stored = std::get_if<R>(&*record);
                 !bytes.empty() || stored == nullptr || !belongs(*stored)) {
        status = absl::DataLossError("column record belongs to something else");
      } else {
        return Give(*std::move(record));
      }
    }
    return Damaged(table, row, status);
  }

  absl::Status Serving() {
    return Table("warren.queue_serving", "queue, serving, delivered_up_to", 3,
                 " ORDER BY queue < 0, queue", [this](CopyReader& in) {
                   QueueServing r;
                   r.queue.value = static_cast<uint64_t>(in.Required(in.Int8()));
                   r.serving = in.Required(in.Bool());
                   r.delivered_up_to.value = static_cast<uint64_t>(in.Required(in.Int8()));
                   if (absl::Status status = in.Finish(); !status.ok()) {
                     return Damaged("warren.queue_serving", absl::StrCat("queue ", r.queue.value),
                                    status);
                   }
                   return Give(r);
                 });
  }

  absl::Status Producers() {
    return Table("warren.producers",
                 "virtual_host_bytes, producer_bytes, last_sequence, at_ms, refused", 5,
                 " ORDER BY 1, 2", [this](CopyReader& in) {
                   ProducerAdvanced r;
                   r.virtual_host = std::string(in.Required(in.Bytes()));
                   r.producer_id = std::string(in.Required(in.Bytes()));
                   r.last_sequence = static_cast<uint64_t>(in.Required(in.Int8()));
                   r.at_ms = in.Required(in.Int8());
                   absl::StatusOr<std::vector<SequenceRun>> refused =
                       ParseRuns(in.Required(in.Bytes()));
                   absl::Status status = in.Finish();
                   if (status.ok()) status = refused.status();
                   if (!status.ok()) return Damaged("warren.producers", r.producer_id, status);
                   r.refused = *std::move(refused);
                   return Give(std::move(r));
                 });
  }

  absl::Status Seen() {
    return Table("warren.deduplication", "exchange, queue, message_id_bytes, until_ms", 4,
                 " ORDER BY 1, 2, 3", [this](CopyReader& in) {
                   MessageIdSeen r;
                   r.exchange.value = static_cast<uint64_t>(in.Required(in.Int8()));
                   r.queue.value = static_cast<uint64_t>(in.Required(in.Int8()));
                   r.message_id = std::string(in.Required(in.Bytes()));
                   r.until_ms = in.Required(in.Int8());
                   if (absl::Status status = in.Finish(); !status.ok()) {
                     return Damaged("warren.deduplication", r.message_id, status);
                   }
                   return Give(std::move(r));
                 });
  }

  absl::Status Users() {
    return Table("warren.users", "name_bytes, record", 2, " ORDER BY 1", [this](CopyReader& in) {
      const std::string name(in.Required(in.Bytes()));
      return GiveStored<UserPut>(in, "warren.users", name,
                                 [&name](const UserPut& r) { return r.user.name == name; });
    });
  }

  absl::Status Policies() {
    return Table("warren.policies", "virtual_host_bytes, name_bytes, record", 3, " ORDER BY 1, 2",
                 [this](CopyReader& in) {
                   const std::string host(in.Required(in.Bytes()));
                   const std::string name(in.Required(in.Bytes()));
                   return GiveStored<PolicyPut>(
                       in, "warren.policies", name, [&host, &name](const PolicyPut& r) {
                         return r.policy.virtual_host == host && r.policy.name == name;
                       });
                 });
  }

  // Asks each segment by itself: their partitioned parents would take a lock on every one of them at
  // once, and the server has room for some thousands.
  absl::Status FindSegments() {
    absl::Status status = Table(
        "warren.segments s",
        "coalesce(s.segment, t.segment), s.kind = 'kept', coalesce(t.tables, '')", 3,
        " FULL JOIN (SELECT substring(relname FROM '[0-9]+$')::int AS segment,"
        " string_agg(relname, ' ' ORDER BY relname) AS tables FROM pg_class"
        " WHERE relnamespace = 'warren'::regnamespace AND relkind = 'r'"
        " AND relname ~ '^(messages|settlements)_[0-9]{1,9}$' GROUP BY 1) t"
        " ON t.segment = s.segment ORDER BY 1",
        [this](CopyReader& in) { return ListSegment(in); });
    for (size_t i = 0; status.ok() && i < ranges_.size(); ++i) status = LookAtSegment(ranges_[i]);
    std::sort(ranges_.begin(), ranges_.end(), [](const SegmentRange& a, const SegmentRange& b) {
      return std::pair(a.lowest, a.segment) < std::pair(b.lowest, b.segment);
    });
    return status;
  }

  absl::Status ListSegment(CopyReader& in) {
    SegmentRange range;
    range.segment = in.Required(in.Int4());
    const std::optional<bool> kept = in.Bool();
    const std::string tables(in.Required(in.Bytes()));
    absl::Status status = in.Finish();
    if (status.ok() && !kept) status = absl::DataLossError("its row is missing");
    for (const char* const name : {"messages_", "settlements_"}) {
      const std::string table = absl::StrCat(name, range.segment);
      if (status.ok() && !absl::StrContains(tables, table)) {
        status = absl::DataLossError(absl::StrCat("the table warren.", table, " is missing"));
      }
    }
    if (!status.ok()) {
      return Damaged("warren.segments", absl::StrCat("segment ", range.segment), status);
    }
    range.kind = *kept ? SegmentKind::kKept : SegmentKind::kPublished;
    ranges_.push_back(range);
    return absl::OkStatus();
  }

  absl::Status LookAtSegment(SegmentRange& range) {
    const std::string messages = absl::StrCat("warren.messages_", range.segment);
    const std::string notes = absl::StrCat("warren.settlements_", range.segment);
    // The lowest id takes a look at every row, but not at what lies beside it.
    return Table(
        messages,
        absl::StrCat("coalesce(CASE WHEN min(id) < 0 THEN 0 ELSE min(id) END, 0),"
                     " CASE WHEN count(id) = 0 AND NOT EXISTS (SELECT FROM ", notes, ") THEN 0"
                     " ELSE pg_table_size('", messages, "'::regclass) +"
                     " pg_table_size('", notes, "'::regclass) END"),
        2, "", [&](CopyReader& in) {
          range.lowest = static_cast<uint64_t>(in.Required(in.Int8()));
          const auto bytes = static_cast<uint64_t>(in.Required(in.Int8()));
          if (!in.Finish().ok()) return Damaged(messages, "its ids", in.Finish());
          segments_.Restore(range.segment, range.kind, bytes);
          return absl::OkStatus();
        });
  }

  absl::Status Messages() {
    for (const SegmentRange& range : ranges_) {
      if (absl::Status status = EmitBelow(range.lowest); !status.ok()) return status;
      const auto old_end = static_cast<ptrdiff_t>(held_.size());
      const absl::Status status = Repeat([&] {
        held_.resize(static_cast<size_t>(old_end));
        return reader_.Read(*link_, range.segment, 0, held_);
      });
      if (!status.ok()) return status;
      const auto by_id = [](const LiveMessage& a, const LiveMessage& b) {
        return a.record.id < b.record.id;
      };
      const auto fresh = held_.begin() + old_end;
      for (auto message = fresh; message != held_.end(); ++message) {
        if (!message->record.entries.empty()) {
          segments_.RestoreMessage(message->record.id, range.segment, message->bytes);
        }
      }
      if (!std::is_sorted(fresh, held_.end(), by_id)) std::sort(fresh, held_.end(), by_id);
      std::inplace_merge(held_.begin(), fresh, held_.end(), by_id);
    }
    return Emit(held_.size());
  }

  absl::Status EmitBelow(uint64_t id) {
    const auto end = std::find_if(held_.begin(), held_.end(), [id](const LiveMessage& m) {
      return m.record.id.value >= id;
    });
    return Emit(static_cast<size_t>(end - held_.begin()));
  }

  absl::Status Emit(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      MessagePublished& message = held_[i].record;
      if (message.id == last_) {
        return Damaged("warren.messages", absl::StrCat("message ", message.id.value),
                       absl::DataLossError("it is there twice"));
      }
      last_ = message.id;
      if (message.entries.empty()) continue;
      if (absl::Status taken = Give(std::move(message)); !taken.ok()) return taken;
    }
    held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(count));
    return absl::OkStatus();
  }

  const Connect& connect_;
  Link* link_ = nullptr;
  const RecordSink& sink_;
  bool sink_failed_ = false;
  Segments& segments_;
  SegmentReader reader_;
  NameCache names_;
  std::vector<SegmentRange> ranges_;
  std::vector<LiveMessage> held_;  // read, but not due yet; ids ascend
  MessageId last_;
};

}  // namespace

absl::Status RecoverAll(const Connect& connect, const RecordSink& sink, Segments& segments) {
  return Recovery(connect, sink, segments).Run();
}

}  // namespace warren::storage
