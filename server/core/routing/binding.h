// A binding: one way for messages out of an exchange. Owned by the virtual host; matchers and both
// its ends point at it. Broker thread only.
#pragma once

#include <string>

#include "storage/ids.h"
#include "storage/value.h"

namespace warren::core {

class Exchange;
class Queue;

struct Binding {
  storage::BindingId id;
  Exchange* source = nullptr;
  // Exactly one of the two destinations is set.
  Queue* queue = nullptr;
  Exchange* exchange = nullptr;
  std::string key;
  storage::Headers arguments;
  bool durable = false;  // both ends are
};

}  // namespace warren::core
