// Page work: which messages are to leave memory for the spill, and to come back.
//
// A backlog may be far larger than memory: what takes room is the content of messages, and content
// that isn't needed soon lies in the spill (storage/spill) meanwhile. Which and when is decided
// here, in the core; the runtime's pager carries it out and reports with the command Paged.
//
// The rules:
// 1. Above the mark (BrokerOptions::page_out_above_bytes), a message that joins only queues that
//    won't deliver it soon leaves at once. What came while there was room stays. So the head of a
//    queue is in memory, and its tail is away.
// 2. Above one and a half times the mark, what stayed follows: a sweep goes round all queues, a
//    little each step.
// 3. While a queue has consumers, the next so many messages are fetched ahead of need.
// 4. When its last consumer leaves, what had been fetched goes away again.
// 5. What is to be dead-lettered is fetched, since a dead letter is a new message with the same
//    content. It waits in line behind those that died before it, but for what a consumer rejected:
//    that is in memory, and must have left for good when the consumer is answered.
//
// The journal isn't involved: a message in the spill is as durable as it was, and a transient one
// is lost with the process, as always.
//
// Value types; thread-compatible.
#pragma once

#include <vector>

#include "storage/ids.h"
#include "storage/message.h"

namespace warren::core {

struct PageOut {
  storage::MessageId id;
  storage::MessagePtr content;
};

// The page is given up with it.
struct PageIn {
  storage::MessageId id;
  storage::SpillHandle page;
};

// To be carried out in this order, and all of it before the work that is taken next. Each of `out`
// and `in` is answered, in whatever order.
struct PageWork {
  std::vector<PageOut> out;
  std::vector<PageIn> in;
  std::vector<storage::SpillHandle> dropped;  // not needed any more

  bool empty() const { return out.empty() && in.empty() && dropped.empty(); }
};

}  // namespace warren::core
