// Opens the journal that --storage names. The one place that knows all backends: a new one is a
// folder, and a line in open.cc.
#pragma once

#include <memory>
#include <stop_token>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/journal.h"

namespace warren::storage {

// `url` is one of
//   memory:         nothing survives the process
//   rocksdb:PATH    a directory, made if it isn't there
// `observer` outlives the journal; null if nobody listens. `stop` ends an Append that waits for
// trouble to pass.
// INVALID_ARGUMENT if the URL can't be understood; what the backend's Open returns otherwise.
absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(std::string_view url,
                                                     JournalObserver* observer,
                                                     std::stop_token stop = {});

}  // namespace warren::storage
