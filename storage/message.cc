#include "storage/message.h"

#include <string>
#include <variant>

namespace warren::storage {
namespace {

template <typename T>
bool SameOptional(const std::unique_ptr<const T>& a, const std::unique_ptr<const T>& b) {
  return (!a && !b) || (a && b && *a == *b);
}

// An allocation's own cost.
constexpr size_t kAllocation = 16;

size_t MemoryOf(const std::string& text) {
  return text.capacity() < sizeof(std::string) / 2 ? 0 : text.capacity() + kAllocation;
}

size_t MemoryOf(const Headers& headers);

size_t MemoryOf(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return MemoryOf(*text);
  if (const auto* bytes = std::get_if<Bytes>(&value.data)) return MemoryOf(bytes->bytes);
  if (const auto* table = std::get_if<Headers>(&value.data)) return MemoryOf(*table);
  size_t memory = 0;
  if (const auto* list = std::get_if<Value::List>(&value.data)) {
    for (const Value& element : *list) memory += sizeof(Value) + MemoryOf(element);
  }
  return memory;
}

size_t MemoryOf(const Headers& headers) {
  size_t memory = 0;
  for (const Header& header : headers) {
    memory += sizeof(Header) + MemoryOf(header.name) + MemoryOf(header.value);
  }
  return memory;
}

size_t MemoryOf(const Properties& p) {
  return sizeof(Properties) + kAllocation + MemoryOf(p.message_id) + MemoryOf(p.correlation_id) +
         MemoryOf(p.reply_to) + MemoryOf(p.type) + MemoryOf(p.app_id) + MemoryOf(p.user_id) +
         MemoryOf(p.content_type) + MemoryOf(p.content_encoding) + MemoryOf(p.headers);
}

size_t MemoryOf(const DeathHistory& history) {
  size_t memory = sizeof(DeathHistory) + kAllocation;
  for (const Death& death : history.deaths) {
    memory += sizeof(Death) + MemoryOf(death.queue) + MemoryOf(death.exchange);
    for (const std::string& key : death.routing_keys) memory += sizeof(key) + MemoryOf(key);
  }
  return memory;
}

size_t MemoryOf(const SharedString& text) {
  return text.empty() ? 0 : text.memory() + kAllocation;
}

}  // namespace

size_t MemoryOf(const Message& message) {
  // Exchange and routing key are mostly shared by many.
  return sizeof(Message) + kAllocation + MemoryOf(message.body) +
         (message.properties ? MemoryOf(*message.properties) : 0) +
         (message.deaths ? MemoryOf(*message.deaths) : 0);
}

bool SameMessage(const Message& a, const Message& b) {
  return a.exchange == b.exchange && a.routing_key == b.routing_key && a.body == b.body &&
         a.published_at_ms == b.published_at_ms && a.expiration_ms == b.expiration_ms &&
         SameOptional(a.properties, b.properties) && SameOptional(a.deaths, b.deaths) &&
         a.priority == b.priority && a.persistent == b.persistent;
}

}  // namespace warren::storage
