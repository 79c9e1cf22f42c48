// Serves /metrics over HTTP: the loop's and the journal writer's cells, as they are at the scrape.
//
// Thread safety: scrapes run on threads of the HTTP server; the cells are made for that.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/runtime/stats.h"

namespace warren::metrics {

struct ExposerFacts {
  std::string version;
  std::string storage_backend;  // the scheme of --storage
  uint64_t memory_limit = 0;    // bytes
};

class Exposer {
 public:
  // `stats` must outlive it. UNAVAILABLE if the address can't be bound.
  static absl::StatusOr<std::unique_ptr<Exposer>> Listen(const std::string& address,
                                                         const runtime::Stats& stats,
                                                         ExposerFacts facts);
  ~Exposer();

  // HOST:PORT, with the port that was bound.
  const std::string& address() const { return address_; }

 private:
  class Impl;
  Exposer(std::string address, std::unique_ptr<Impl> impl);

  const std::string address_;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace warren::metrics
