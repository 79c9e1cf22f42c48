// What is declared in a broker, as definitions; in parts, so that a large broker goes on meanwhile.
//
// No snapshot: what is made or deleted between two parts may be in it or not. Loop thread only.
#pragma once

#include <string>
#include <utility>

#include "server/core/broker.h"
#include "warren/v1/admin.pb.h"

namespace warren::api {

class Export {
 public:
  // Only this virtual host's; "": of all.
  explicit Export(std::string virtual_host) : only_(std::move(virtual_host)) {}

  // Goes on with it; whether that was all.
  bool GoOn(const core::Broker& broker);
  // By virtual host and name. REQUIRES: GoOn said that it was all.
  v1::Definitions TakeDefinitions();

 private:
  enum class Kind { kVirtualHosts, kExchanges, kQueues, kBindings, kPolicies, kUsers, kDone };

  bool Wants(const std::string& virtual_host) const {
    return only_.empty() || only_ == virtual_host;
  }
  void Part(const core::Broker& broker);
  void Users(const core::Broker& broker);
  void Next(bool done, Kind next) {
    if (done) kind_ = next;
  }

  const std::string only_;
  v1::Definitions definitions_;
  Kind kind_ = Kind::kVirtualHosts;
  std::string after_host_;
  storage::ExchangeId after_exchange_;
  storage::QueueId after_queue_;
  core::BindingPlace after_binding_;
  core::PolicyPlace after_policy_;
};

}  // namespace warren::api
