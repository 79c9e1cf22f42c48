// Warren under load, by its C++ client: each link is a stream on one of the target's connections.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench/target.h"
#include "warren/client/connection.h"

namespace warren::tools {

class SharedStream;

// Links must not outlive it.
class WarrenTarget : public Target {
 public:
  struct Options {
    client::ConnectionOptions connection;
    // Shared by all links, one after the other. Streams share a connection well; each connection
    // adds an I/O thread, and the threads of a process wake one another in gRPC.
    int connections = 1;
    // Consumers leave as many of their latest deliveries unsettled, while more come. With
    // ack_lag >= Workload::window, what is settled was confirmed before, hence written.
    uint32_t ack_lag = 0;
    // Consumers that share a stream, up to this number; 0: each has its own if they are few, else
    // all of a connection share one.
    int consumers_per_stream = 0;
  };

  static absl::StatusOr<std::unique_ptr<Target>> Connect(Options options);

  absl::Status DeclareQueue(const std::string& name, bool durable) override;
  absl::Status DeleteQueue(const std::string& name) override;
  absl::Status DeclareExchange(const std::string& name, Topology type, bool durable) override;
  absl::Status DeleteExchange(const std::string& name) override;
  absl::Status Bind(const std::string& exchange, const std::string& queue,
                    const std::string& routing_key) override;
  std::unique_ptr<PublishLink> NewPublishLink(const Workload& workload) override;
  std::unique_ptr<ConsumeLink> NewConsumeLink(const Workload& workload) override;

 private:
  using Connections = std::vector<std::unique_ptr<client::Connection>>;

  WarrenTarget(Options options, Connections connections)
      : options_(std::move(options)), connections_(std::move(connections)) {}

  client::Connection& NextConnection();
  // The stream that the next consumer joins; null if it has its own.
  std::shared_ptr<SharedStream> NextStream(const Workload& workload);

  const Options options_;
  const Connections connections_;  // one at least
  size_t next_ = 0;
  // Of each connection, the stream that isn't full.
  std::vector<std::shared_ptr<SharedStream>> streams_;
};

}  // namespace warren::tools
