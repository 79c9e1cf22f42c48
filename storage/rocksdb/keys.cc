#include "storage/rocksdb/keys.h"

#include <variant>

#include "absl/strings/escaping.h"

namespace warren::storage {
namespace {

// Owner of a deduplication window, in its keys.
constexpr char kOfExchange = 'e';
constexpr char kOfQueue = 'q';

std::string Key(Table table, std::string_view rest = {}) {
  std::string key(1, static_cast<char>(table));
  key.append(rest);
  return key;
}

// Big-endian, so that keys sort as numbers do.
std::string BigEndian(uint64_t value) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = static_cast<char>(value);
  return bytes;
}

std::optional<uint64_t> FromBigEndian(std::string_view bytes) {
  if (bytes.size() != 8) return std::nullopt;
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

// The length keeps ("a", "bc") and ("ab", "c") apart.
std::string KeyInHost(Table table, std::string_view virtual_host, std::string_view name) {
  std::string key = Key(table, BigEndian(virtual_host.size()));
  key.append(virtual_host).append(name);
  return key;
}

struct KeyVisitor {
  std::string operator()(const IdsReserved&) { return IdsKey(); }
  std::string operator()(const VirtualHostDeclared& r) { return VirtualHostKey(r.name); }
  std::string operator()(const ExchangeDeclared& r) { return ExchangeKey(r.id); }
  std::string operator()(const QueueDeclared& r) { return QueueKey(r.id); }
  std::string operator()(const BindingAdded& r) { return BindingKey(r.id); }
  std::string operator()(const QueueServing& r) { return ServingKey(r.queue); }
  std::string operator()(const ProducerAdvanced& r) {
    return ProducerKey(r.virtual_host, r.producer_id);
  }
  std::string operator()(const MessageIdSeen& r) {
    return SeenKey(r.exchange, r.queue, r.message_id);
  }
  std::string operator()(const UserPut& r) { return UserKey(r.user.name); }
  std::string operator()(const PolicyPut& r) {
    return PolicyKey(r.policy.virtual_host, r.policy.name);
  }
  std::string operator()(const MessagePublished& r) { return MessageKey(r.id); }
  std::string operator()(const auto& /*not live*/) { return {}; }
};

}  // namespace

std::string FormatKey() { return Key(Table::kFormat); }
std::string IdsKey() { return Key(Table::kIds); }
std::string VirtualHostKey(std::string_view name) { return Key(Table::kVirtualHosts, name); }
std::string ExchangeKey(ExchangeId id) { return Key(Table::kExchanges, BigEndian(id.value)); }
std::string QueueKey(QueueId id) { return Key(Table::kQueues, BigEndian(id.value)); }
std::string BindingKey(BindingId id) { return Key(Table::kBindings, BigEndian(id.value)); }
std::string ServingKey(QueueId queue) { return Key(Table::kServing, BigEndian(queue.value)); }

std::string ProducerKey(std::string_view virtual_host, std::string_view producer_id) {
  return KeyInHost(Table::kProducers, virtual_host, producer_id);
}

std::string SeenPrefix(ExchangeId exchange, QueueId queue) {
  std::string key = Key(Table::kSeen);
  key.push_back(exchange ? kOfExchange : kOfQueue);
  key.append(BigEndian(exchange ? exchange.value : queue.value));
  return key;
}

std::string SeenKey(ExchangeId exchange, QueueId queue, std::string_view message_id) {
  return SeenPrefix(exchange, queue).append(message_id);
}

std::string UserKey(std::string_view name) { return Key(Table::kUsers, name); }

std::string PolicyKey(std::string_view virtual_host, std::string_view name) {
  return KeyInHost(Table::kPolicies, virtual_host, name);
}

std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

std::string MessageKey(MessageId id) { return BigEndian(id.value); }

std::optional<MessageId> MessageIdOf(std::string_view key) {
  const std::optional<uint64_t> value = FromBigEndian(key);
  return value ? std::optional(MessageId{*value}) : std::nullopt;
}

std::string ShelfKey(ShelfNumber shelf) { return BigEndian(shelf); }
std::optional<ShelfNumber> ShelfNumberOf(std::string_view key) { return FromBigEndian(key); }

std::string KeyOf(const Record& record) { return std::visit(KeyVisitor(), record); }

std::string PrintableKey(std::string_view key) {
  return absl::BytesToHexString(absl::string_view(key.data(), key.size()));
}

}  // namespace warren::storage
