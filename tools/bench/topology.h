// The ways that messages take to queues.
//
// | topology | exchange | messages go | bindings of a queue |
// |---|---|---|---|
// | direct | the default one | to the queues in turn | none |
// | topic  | of its own | to the queues in turn | some that match all of its messages, some that match none |
// | fanout | of its own | to every queue | one |
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace warren::tools {

enum class Topology : uint8_t { kDirect, kTopic, kFanout };

inline constexpr int kMostMatchingBindings = 1'024;

// Pure functions; thread-safe. Bindings are numbered from 0.

std::string_view NameOf(Topology topology);

// What messages for a queue are published with in the topic topology: the queue's name and as many
// words as it takes to have `matching` different patterns that fit.
// REQUIRES: 1 <= matching <= kMostMatchingBindings.
std::string TopicKey(std::string_view queue, int matching);

// A pattern that fits TopicKey(queue, matching), and no other queue's unless that has the same name.
// REQUIRES: binding < matching.
std::string MatchingPattern(std::string_view queue, int matching, int binding);

// A pattern that fits no message; literal, with `*` and with `#` in turn.
std::string OtherPattern(std::string_view queue, int binding);

}  // namespace warren::tools
