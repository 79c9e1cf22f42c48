// Where each record lives in the RocksDB store: a key per live thing, so that what is over is a
// key that is deleted, and recovery is one pass in key order. docs/storage-format.md has the table.
//
// Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/record.h"
#include "storage/rocksdb/shelves.h"

namespace warren::storage {

// First byte of a key in the default column family. Stored, so never reused; sorted as
// Journal::Recover promises to yield them.
enum class Table : char {
  kFormat = '0',
  kIds = '1',
  kVirtualHosts = '2',
  kExchanges = '3',
  kQueues = '4',
  kBindings = '5',
  kServing = '6',
  kProducers = '7',
  kSeen = '8',
  kUsers = '9',
  kPolicies = ':',
};

std::string FormatKey();
std::string IdsKey();
std::string VirtualHostKey(std::string_view name);
std::string ExchangeKey(ExchangeId id);
std::string QueueKey(QueueId id);
std::string BindingKey(BindingId id);
std::string ServingKey(QueueId queue);
std::string ProducerKey(std::string_view virtual_host, std::string_view producer_id);
// The keys of one deduplication window are those that begin with SeenPrefix. Exactly one of
// exchange and queue is set.
std::string SeenPrefix(ExchangeId exchange, QueueId queue);
std::string SeenKey(ExchangeId exchange, QueueId queue, std::string_view message_id);

// The first key behind all that begin with `prefix`.
std::string PrefixEnd(std::string prefix);

std::string UserKey(std::string_view name);
std::string PolicyKey(std::string_view virtual_host, std::string_view name);

// In the column family of messages.
std::string MessageKey(MessageId id);
// None if it is no such key.
std::optional<MessageId> MessageIdOf(std::string_view key);

// In the column family of shelves.
std::string ShelfKey(ShelfNumber shelf);
std::optional<ShelfNumber> ShelfNumberOf(std::string_view key);

// The key a live record belongs under; "" for kinds that are not live.
std::string KeyOf(const Record& record);

// For error messages: key bytes as text.
std::string PrintableKey(std::string_view key);

}  // namespace warren::storage
