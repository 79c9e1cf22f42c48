#include "storage/message.h"

namespace warren::storage {
namespace {

template <typename T>
bool SameOptional(const std::unique_ptr<const T>& a, const std::unique_ptr<const T>& b) {
  return (!a && !b) || (a && b && *a == *b);
}

}  // namespace

bool SameMessage(const Message& a, const Message& b) {
  return a.exchange == b.exchange && a.routing_key == b.routing_key && a.body == b.body &&
         a.published_at_ms == b.published_at_ms && a.expiration_ms == b.expiration_ms &&
         SameOptional(a.properties, b.properties) && SameOptional(a.deaths, b.deaths) &&
         a.priority == b.priority && a.persistent == b.persistent;
}

}  // namespace warren::storage
