// Matchers: which bindings of an exchange a message follows. Step 3 of a message's life.
//
// One file an exchange type (direct.cc, fanout.cc, topic.cc, headers.cc); a new type is a new file
// and a new case in MakeMatcher. The default exchange needs none: it looks the queue up by name.
//
// Broker thread only. Pure: the same calls give the same answers in the same order, on every run.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/core/routing/binding.h"
#include "storage/options.h"
#include "storage/value.h"

namespace warren::core {

class Matcher {
 public:
  virtual ~Matcher() = default;

  // Whether a binding with this key and these arguments makes sense: OK, or INVALID_ARGUMENT that
  // says which rule is broken and how to mend it. `exchange` is for the message only.
  virtual absl::Status Check(std::string_view exchange, std::string_view key,
                             const storage::Headers& arguments) const = 0;

  // REQUIRES: Check passed; the binding stays alive and unchanged until it is removed; it isn't in
  // yet (Add), it is in (Remove).
  virtual void Add(const Binding* binding) = 0;
  virtual void Remove(const Binding* binding) = 0;

  // Appends each binding that the message matches, once, to `matches`.
  virtual void Match(std::string_view routing_key, const storage::Headers& headers,
                     std::vector<const Binding*>& matches) const = 0;
};

std::unique_ptr<Matcher> MakeMatcher(storage::ExchangeType type);

}  // namespace warren::core
