// Matchers: which bindings of an exchange a message follows. Step 3 of a message's life.
//
// One file an exchange type (direct.cc, fanout.cc, topic.cc, headers.cc); a new type is a new file
// and a new case in MakeMatcher. The default exchange needs none: it looks the queue up by name.
//
// Broker thread only: Match is const, but may note in the matcher where it has been.
//
// 1. A binding is answered at most once, in however many ways it matches.
// 2. Answers are in ascending order of binding id, for every type. So they depend on nothing but
//    which bindings there are: not on the order they came in, nor on a hash's salt.
// 3. Direct, fanout: Match costs what its answer is long. Topic: a binding that doesn't match adds
//    at most the steps that its pattern and the key go together. Headers: every binding is looked
//    at.
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
  // says which rule is broken and how to mend it: reason PATTERN_INVALID for the key,
  // ARGUMENT_INVALID for the arguments. `exchange` is for the message only; the error's
  // virtual_host is left empty, for the caller to fill in with WithMetadata.
  virtual absl::Status Check(std::string_view exchange, std::string_view key,
                             const storage::Headers& arguments) const = 0;

  // REQUIRES: Check passed; the binding stays alive and unchanged until it is removed; it isn't in
  // yet (Add), it is in (Remove).
  virtual void Add(const Binding* binding) = 0;
  virtual void Remove(const Binding* binding) = 0;

  // Appends each binding that the message matches, once, to `matches`. Key and headers may be
  // anything that a client thinks of, of any length.
  virtual void Match(std::string_view routing_key, const storage::Headers& headers,
                     std::vector<const Binding*>& matches) const = 0;
};

std::unique_ptr<Matcher> MakeMatcher(storage::ExchangeType type);

}  // namespace warren::core
