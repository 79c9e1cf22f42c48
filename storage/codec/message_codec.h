// Encoding of messages. The body comes last, so that a writer needn't copy it.
#pragma once

#include <array>

#include "storage/codec/wire.h"
#include "storage/message.h"

namespace warren::storage {

// Gives equal names one string while many messages are read: most of them carry one of a few
// exchanges and routing keys. Of fixed size; a name that falls out is merely no longer shared.
// Thread-compatible.
class NameCache {
 public:
  SharedString Share(std::string_view name);

 private:
  static constexpr size_t kSlots = 1024;
  std::array<SharedString, kSlots> slots_;
};

// Writes all but the bytes of the body: its length is the last that is written.
void WriteMessage(Writer& io, const Message& message);

// Reads what WriteMessage wrote, followed by the body. Null if `io` failed.
MessagePtr ReadMessage(Reader& io, NameCache& names);

}  // namespace warren::storage
