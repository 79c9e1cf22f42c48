// Commands from a fuzzer's input, of the form that the edges let through: names and ids from so few
// that clients, queues and deliveries meet. Thread-compatible.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "server/core/command.h"
#include "tests/fuzz/support/maker.h"

namespace warren::core {

class CommandMaker : public fuzz::Maker {
 public:
  explicit CommandMaker(fuzz::Input& input) : Maker(input, fuzz::Manner::kAllowed) {}

  // What is there before anything odd is sent: bound queues, a publisher, consumers.
  std::vector<Command> Prologue();
  // Anything that a client may send. Publishers, consumers and requests get numbers that were never
  // used before when they open; later commands name one of the last few.
  Command Next();

 private:
  // One of the last few that were opened.
  template <typename Id>
  Id OneOf(const std::vector<Id>& opened) {
    return opened.empty() ? Id{} : opened[opened.size() - 1 - in_.Below(std::min<size_t>(
                                              opened.size(), 4))];
  }
  RequestId NewRequest() { return {++last_id_}; }
  PublisherId NewPublisher() { return publishers_.emplace_back(PublisherId{++last_id_}); }
  ConsumerId NewConsumer() { return consumers_.emplace_back(ConsumerId{++last_id_}); }

  core::Subscribe Subscribe();
  Command Topology();
  Command Publishing();
  Command Consuming();
  BindingSpec BindingSpec();
  std::vector<Publication> Publications();
  Publication Publication();
  std::vector<Settlement> Settlements();
  Settlement Settlement();
  Prefetch Prefetch();
  // Mostly the next one, for whoever it is.
  uint64_t Sequence() { return in_.OneIn(4) ? 1 + in_.Below(20) : ++last_sequence_; }

  uint64_t last_id_ = 0;
  uint64_t last_sequence_ = 0;
  std::vector<PublisherId> publishers_;
  std::vector<ConsumerId> consumers_;
};

}  // namespace warren::core
