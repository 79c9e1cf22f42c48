#include "storage/rocksdb/batch_builder.h"

#include <array>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "storage/codec/record_codec.h"
#include "storage/rocksdb/keys.h"
#include "storage/rocksdb/shelf_codec.h"

namespace warren::storage {
namespace {

// Memory of one huge batch isn't held on to.
constexpr size_t kKeptBytes = size_t{16} << 20;

// The write batch itself refuses only what is over 4 GiB.
absl::Status Added(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a batch can't be stored: ", status.ToString()));
}

}  // namespace

void BatchBuilder::Target(const Store& store) {
  declarations_ = store.declarations();
  messages_ = store.messages();
  notes_ = store.notes();
  shelves_family_ = store.shelves();
}

absl::Status BatchBuilder::Build(const Batch& batch) {
  if (write_.GetDataSize() > kKeptBytes) {
    write_ = rocksdb::WriteBatch();
  } else {
    write_.Clear();
  }
  for (const Record& record : batch.records) {
    if (absl::Status added = Add(record); !added.ok()) return added;
  }
  return PutShelves();
}

struct BatchBuilder::Visitor {
  BatchBuilder& to;
  const Record& record;

  absl::Status operator()(const MessagePublished& r) { return to.PutMessage(record, r.id); }
  absl::Status operator()(const EntryRemoved& r) {
    if (!r.last) return to.MergeEntry(record, r.message);
    to.shelves_.Removed(r.message);
    return absl::OkStatus();
  }
  absl::Status operator()(const EntryUpdated& r) { return to.MergeEntry(record, r.message); }
  absl::Status operator()(const ExchangeDeleted& r) {
    absl::Status status = to.Delete(ExchangeKey(r.id));
    return status.ok() ? to.DropWindow(r.id, QueueId{}) : status;
  }
  absl::Status operator()(const QueueDeleted& r) {
    absl::Status status = to.Delete(QueueKey(r.id));
    if (status.ok()) status = to.Delete(ServingKey(r.id));
    return status.ok() ? to.DropWindow(ExchangeId{}, r.id) : status;
  }
  absl::Status operator()(const BindingRemoved& r) { return to.Delete(BindingKey(r.id)); }
  absl::Status operator()(const ProducerForgotten& r) {
    return to.Delete(ProducerKey(r.virtual_host, r.producer_id));
  }
  absl::Status operator()(const MessageIdForgotten& r) {
    return to.Delete(SeenKey(r.exchange, r.queue, r.message_id));
  }
  absl::Status operator()(const VirtualHostDeleted& r) {
    return to.Delete(VirtualHostKey(r.name));
  }
  absl::Status operator()(const UserDeleted& r) { return to.Delete(UserKey(r.name)); }
  absl::Status operator()(const PolicyDeleted& r) {
    return to.Delete(PolicyKey(r.virtual_host, r.name));
  }
  // All others are live kinds, kept under keys of their own.
  absl::Status operator()(const auto& /*live*/) { return to.PutDeclaration(record); }
};

absl::Status BatchBuilder::Add(const Record& record) {
  return std::visit(Visitor{*this, record}, record);
}

absl::Status BatchBuilder::PutDeclaration(const Record& record) {
  head_.clear();
  const absl::StatusOr<std::string_view> tail = EncodeRecord(record, head_);
  if (!tail.ok()) return tail.status();
  return Added(write_.Put(declarations_, KeyOf(record), head_));
}

absl::Status BatchBuilder::PutMessage(const Record& record, MessageId id) {
  head_.clear();
  const absl::StatusOr<std::string_view> body = EncodeRecord(record, head_);
  if (!body.ok()) return body.status();
  shelves_.Published(id, head_.size() + body->size());
  const std::string key = MessageKey(id);
  const rocksdb::Slice key_part = key;
  // The body goes from the message straight into the batch.
  const std::array<rocksdb::Slice, 2> value_parts = {rocksdb::Slice(head_),
                                                     rocksdb::Slice(body->data(), body->size())};
  return Added(write_.Put(messages_, rocksdb::SliceParts(&key_part, 1),
                          rocksdb::SliceParts(value_parts.data(), value_parts.size())));
}

absl::Status BatchBuilder::MergeEntry(const Record& record, MessageId id) {
  if (!shelves_.IsLive(id)) return absl::OkStatus();
  head_.clear();
  const absl::StatusOr<std::string_view> tail = EncodeRecord(record, head_);
  if (!tail.ok()) return tail.status();
  return Added(write_.Merge(notes_, MessageKey(id), head_));
}

absl::Status BatchBuilder::PutShelves() {
  for (const ShelfNumber shelf : shelves_.changed()) {
    const ShelfBits live = shelves_.LiveOn(shelf);
    absl::Status put;
    if (live == ShelfBits()) {
      put = Added(write_.Delete(shelves_family_, ShelfKey(shelf)));
    } else {
      const absl::StatusOr<std::string> value = EncodeShelf(live);
      put = value.ok() ? Added(write_.Put(shelves_family_, ShelfKey(shelf), *value))
                       : value.status();
    }
    if (!put.ok()) return put;
  }
  return absl::OkStatus();
}

absl::Status BatchBuilder::Delete(const std::string& declaration_key) {
  return Added(write_.Delete(declarations_, declaration_key));
}

absl::Status BatchBuilder::DropWindow(ExchangeId exchange, QueueId queue) {
  const std::string prefix = SeenPrefix(exchange, queue);
  return Added(write_.DeleteRange(declarations_, prefix, PrefixEnd(prefix)));
}

}  // namespace warren::storage
