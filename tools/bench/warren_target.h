// Warren under load, by its C++ client: each link is a connection and a stream of its own.
#pragma once

#include <memory>
#include <string>

#include "tools/bench/target.h"
#include "warren/client/connection.h"

namespace warren::tools {

class WarrenTarget : public Target {
 public:
  struct Options {
    client::ConnectionOptions connection;
    // Consumers leave as many of their latest deliveries unsettled, while more come. With
    // ack_lag >= Workload::window, what is settled was confirmed before, hence written.
    uint32_t ack_lag = 0;
  };

  static absl::StatusOr<std::unique_ptr<Target>> Connect(Options options);

  absl::Status DeclareQueue(const std::string& name, bool durable) override;
  absl::Status DeleteQueue(const std::string& name) override;
  std::unique_ptr<PublishLink> NewPublishLink(const Workload& workload) override;
  std::unique_ptr<ConsumeLink> NewConsumeLink(const Workload& workload) override;

 private:
  WarrenTarget(Options options, std::unique_ptr<client::Connection> connection)
      : options_(std::move(options)), connection_(std::move(connection)) {}

  const Options options_;
  const std::unique_ptr<client::Connection> connection_;
};

}  // namespace warren::tools
