// The links of Warren whose every publish and settlement is part of a transaction.
//
// A producer gathers Workload::transaction messages and commits them; a consumer gathers as many
// deliveries and settles them in a transaction. Each has one under way at a time, as a program has
// that acts upon the answer. What is left at the end is committed as it is.
#pragma once

#include <memory>

#include "tools/bench/target.h"
#include "warren/client/connection.h"

namespace warren::tools {

// REQUIRES: workload.transaction > 0. Both arguments outlive them.
std::unique_ptr<PublishLink> NewTransactionPublishLink(client::Connection& connection,
                                                       const Workload& workload);
std::unique_ptr<ConsumeLink> NewTransactionConsumeLink(client::Connection& connection,
                                                       const Workload& workload);

}  // namespace warren::tools
