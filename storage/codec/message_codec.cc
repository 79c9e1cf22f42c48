#include "storage/codec/message_codec.h"

#include <functional>
#include <memory>
#include <utility>

#include "storage/codec/fields.h"

namespace warren::storage {
namespace {

template <typename T>
void WritePart(Writer& io, const std::unique_ptr<const T>& part) {
  io.Flag(part != nullptr);
  if (part) Fields(io, *part);
}

template <typename T>
std::unique_ptr<const T> ReadPart(Reader& io) {
  bool present = false;
  io.Flag(present);
  if (!present) return nullptr;
  auto part = std::make_unique<T>();
  Fields(io, *part);
  return part;
}

}  // namespace

SharedString NameCache::Share(std::string_view name) {
  SharedString& slot = slots_[std::hash<std::string_view>()(name) % kSlots];
  if (slot.view() != name) slot = SharedString(std::string(name));
  return slot;
}

void WriteMessage(Writer& io, const Message& message) {
  io.Text(message.exchange.view());
  io.Text(message.routing_key.view());
  io.Int(message.published_at_ms);
  io.Optional(message.expiration_ms, kInt);
  WritePart(io, message.properties);
  WritePart(io, message.deaths);
  io.Uint(message.priority);
  io.Flag(message.persistent);
  io.Uint(message.body.size());
}

MessagePtr ReadMessage(Reader& io, NameCache& names) {
  auto message = RefPtr<Message>(new Message);
  message->exchange = names.Share(io.TextView());
  message->routing_key = names.Share(io.TextView());
  io.Int(message->published_at_ms);
  io.Optional(message->expiration_ms, kInt);
  message->properties = ReadPart<Properties>(io);
  message->deaths = ReadPart<DeathHistory>(io);
  io.Uint(message->priority);
  io.Flag(message->persistent);
  message->body = SharedString(std::string(io.TextView()));
  if (!io.ok()) return nullptr;
  return message;
}

}  // namespace warren::storage
