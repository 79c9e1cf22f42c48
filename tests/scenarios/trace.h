// How effects, records and state read in a transcript: a line each, names instead of numbers,
// times in milliseconds since the transcript's start.
// Thread-compatible.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/core/broker.h"

namespace warren::scenarios {

using Lines = std::vector<std::string>;

// Who is meant by the numbers.
struct Names {
  std::map<core::PublisherId, std::string> publishers;
  std::map<core::ConsumerId, std::string> consumers;
  // Calls that wait for their answer, as the transcript wrote them.
  std::map<core::RequestId, std::string> requests;
  std::map<storage::QueueId, std::string> queues;
  std::map<storage::ExchangeId, std::string> exchanges;
  std::map<storage::BindingId, std::string> bindings;
  std::map<storage::MessageId, std::string> messages;
};

// `call`: the one that the command at hand makes; its answer needs no name.
Lines DescribeEffect(const core::Effect& effect, const Names& names, core::RequestId call);

// What is worth reading in a batch; learns the names that come up in it.
Lines DescribeBatch(const storage::Batch& batch, Names& names);

Lines DescribeQueue(const core::QueueView& queue, const std::vector<core::EntryView>& entries);

// All that a message carries but the body.
Lines DescribeProperties(const storage::Message& message);

}  // namespace warren::scenarios
